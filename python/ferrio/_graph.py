"""Who awaits whom, for `asyncio.capture_call_graph` and `print_call_graph` of CPython 3.14: also where ours are among them.

Our futures have `_asyncio_awaited_by` as asyncio's own. `gather`, `wait`, `shield` and `TaskGroup` fill it through two functions
of `asyncio.futures`, of which CPython's know the C types only: here ours are put in their place, which hand those on. A future of
CPython's own cannot hold our tasks; when a graph is drawn, they are looked for. Native coroutines have no frames: the graph shows
asyncio's functions in whose place they stand.
"""

import asyncio
import inspect
import sys

from . import _ferrio
from ._tasks import pending_tasks

#: The code of asyncio's coroutine functions, by qualified name.
_CODES = {}
#: What asyncio's function awaits where the native one waits by itself.
_INNER = {"wait": "_wait", "_AsCompletedIterator._wait_for_one": "Queue.get"}


def share_call_graph():
    """Let asyncio's graphs know of our futures, tasks and coroutines. Nothing before 3.14."""
    if sys.version_info < (3, 14):
        return
    for name in ("future_add_to_awaited_by", "future_discard_from_awaited_by"):
        ours = getattr(_ferrio, name)
        setattr(asyncio, name, ours)
        setattr(asyncio.futures, name, ours)
        setattr(asyncio.futures, f"_c_{name}", ours)
    for module in (asyncio.tasks, asyncio.locks, asyncio.queues, asyncio.streams, asyncio.timeouts):
        _note_codes(module, module.__name__)
    asyncio.graph._build_graph_for_future = _with_ours(asyncio.graph._build_graph_for_future)


def _note_codes(owner, module):
    for value in vars(owner).values():
        if getattr(value, "__module__", None) != module:
            continue
        if isinstance(value, type):
            _note_codes(value, module)
        elif (code := getattr(value, "__code__", None)) is not None and code.co_flags & inspect.CO_COROUTINE:
            _CODES[value.__qualname__] = code


class _Frame:
    """The frame of asyncio's function, and the coroutine that has it, as far as those ask who draw a graph."""

    f_back = None

    def __init__(self, code):
        self.f_code = self.cr_code = code
        self.f_lineno = code.co_firstlineno

    @property
    def f_generator(self):
        return self

    @property
    def cr_frame(self):
        return self


def _is_native(coro):
    # Others may lack the attribute: the graph asks for `cr_frame` and `cr_await` only.
    return getattr(coro, "cr_code", coro) is None


def _frames(coro):
    """Those of one coroutine, the caller's first."""
    if not _is_native(coro):
        return [] if coro.cr_frame is None else [coro.cr_frame]
    name = coro.__qualname__
    # It has left everything to asyncio's function, which has a frame.
    if getattr(coro.cr_await, "__qualname__", None) == name:
        return []
    return [_Frame(_CODES[one]) for one in (name, _INNER.get(name)) if one in _CODES]


def _call_stack(future, limit):
    """The frames of a task that waits, the callee's first; None where no native coroutine is among them."""
    has_frames = limit != 0 and hasattr(future, "get_coro") and not future.done()
    coro = future.get_coro() if has_frames else None
    frames, has_native = [], False
    while hasattr(coro, "cr_await"):
        has_native = has_native or _is_native(coro)
        frames += _frames(coro)
        coro = coro.cr_await
    if not has_native or hasattr(coro, "ag_await"):
        return None
    if limit is not None:
        frames = frames[:limit] if limit > 0 else frames[limit:]
    return frames[::-1]


def _with_ours(build):
    """`asyncio.graph._build_graph_for_future`, for what awaits natively, and for a future of CPython's own that a task of ours awaits."""

    def build_with_ours(future, *, limit=None):
        graph = build(future, limit=limit)
        frames = _call_stack(future, limit)
        # Some versions show what has no frame.
        stack = [entry for entry in graph.call_stack if entry.frame is not None]
        if frames is not None:
            stack = [asyncio.graph.FrameCallGraphEntry(frame) for frame in frames]
        awaited_by = graph.awaited_by
        if not issubclass(type(future), _ferrio.Future):
            waiting = [task for task in pending_tasks() if task._fut_waiter is future]
            awaited_by += tuple(build_with_ours(task, limit=limit) for task in waiting)
        return type(graph)(graph.future, tuple(stack), awaited_by)

    return build_with_ours
