"""Nested run on loops of asyncio's own: in a kernel whose loop runs already when ferrio comes in.

One loop object is changed, not its class. A nested run takes turns of the loop, `_run_once`, until its future is done; the turn in
the middle of which it was begun finds less in the ready queue than it has counted, and the queue fills in.
"""

import asyncio
import collections
import contextlib
import sys
import threading
import types
import warnings

#: So many runs may stand still in a thread: each takes its part of the recursion limit.
_MOST = 50

#: What `loop._run_once` and the nested run use.
_NEEDED = ("_ready", "_run_once", "_stopping", "_thread_id", "_check_closed")


def allow(loop):
    """Let this loop be run inside its run. RuntimeError where that is impossible. Idempotent."""
    if hasattr(loop, "_nest_patched"):
        # By us, or by nest_asyncio.
        return
    shown = f"nested run is not possible on {type(loop).__module__}.{type(loop).__qualname__}"
    if not isinstance(loop, asyncio.BaseEventLoop) or not all(hasattr(loop, name) for name in _NEEDED):
        raise RuntimeError(f"{shown}: it is no loop of asyncio's own in Python, and its run cannot be entered again from outside")
    if type(loop).run_forever is not asyncio.BaseEventLoop.run_forever:
        raise RuntimeError(f"{shown}: it has a run_forever() of its own, of which ferrio knows nothing")
    if loop._thread_id not in (None, threading.get_ident()):
        raise RuntimeError("the loop is running in another thread: call allow_nested() there")
    _put_ready(loop)
    for method in (run_forever, run_until_complete, close):
        setattr(loop, method.__name__, types.MethodType(method, loop))
    loop._nest_patched = True


def _put_ready(loop):
    before = loop._ready
    loop._ready = _Ready(loop)
    # Another thread may be about to append to the old one.
    loop.call_soon(_pour, before, loop)
    loop._ready.extendleft(reversed(before))
    before.clear()


def _pour(before, loop):
    while before:
        loop._ready.append(before.popleft())


class _Ready(collections.deque):
    """The ready queue of a loop that is run inside its run."""

    def __init__(self, loop):
        super().__init__()
        self._nothing = asyncio.Handle(_do_nothing, (), loop)
        self._nothing.cancel()
        #: For each run inside a run: handles whose context the enclosing run is in, which cannot be entered meanwhile.
        self.waiting = []

    def popleft(self):
        """The next handle; a cancelled one where a nested run has taken it."""
        if not self:
            return self._nothing
        handle = super().popleft()
        if self.waiting and not handle._cancelled and _is_entered(handle._context):
            # One of a descriptor comes back every turn.
            if not any(each is handle for waiting in self.waiting for each in waiting):
                self.waiting[-1].append(handle)
            return self._nothing
        return handle


def _do_nothing():
    pass


def _is_entered(context):
    try:
        context.run(_do_nothing)
    except RuntimeError:
        return True
    return False


def run_forever(loop):
    """Run until stop() is called, also inside a run."""
    if loop._thread_id != threading.get_ident():
        return type(loop).run_forever(loop)
    with _standing_still(loop) as roots:
        while not _is_stopped(loop, roots):
            loop._run_once()


def run_until_complete(loop, future):
    """Run until the future or coroutine is done, also inside a run; its result."""
    if loop._thread_id != threading.get_ident():
        return type(loop).run_until_complete(loop, future)
    loop._check_closed()
    awaited = asyncio.ensure_future(future, loop=loop)
    if awaited is _current_task(loop):
        raise RuntimeError(f"Task cannot await on itself: {awaited!r}")
    if awaited is not future:
        awaited._log_destroy_pending = False
    told = []
    # Not only until it is done: whoever asked before to be called then is called first, as in a run that is not nested.
    awaited.add_done_callback(told.append)
    try:
        with _standing_still(loop) as roots:
            while not told and not _is_stopped(loop, roots):
                loop._run_once()
    finally:
        awaited.remove_done_callback(told.append)
    if not awaited.done():
        raise RuntimeError("Event loop stopped before Future completed.")
    return awaited.result()


def _current_task(loop):
    python = getattr(asyncio.tasks, "_py_current_task", asyncio.current_task)
    return asyncio.current_task(loop) or python(loop)


def close(loop):
    """Close the loop; inside a run it warns and does nothing."""
    if loop._thread_id == threading.get_ident():
        warnings.warn(f"{loop!r} is running: close() inside a run does nothing", RuntimeWarning, stacklevel=2)
        return
    type(loop).close(loop)


class _Roots:
    """Tasks that enclosing runs of a loop wait for. asyncio stops the loop when one is done: that is not for the inner run."""

    def __init__(self, loop):
        self.tasks = [task for task in asyncio.all_tasks(loop) if _stops_the_loop(task)]
        self.stopped = False


def _stops_the_loop(task):
    stops = asyncio.base_events._run_until_complete_cb
    return any(callback is stops for callback, _ in task._callbacks or ())


def _is_stopped(loop, roots):
    if not loop._stopping:
        return False
    done = [task for task in roots.tasks if task.done()]
    if not done:
        return True
    roots.tasks = [task for task in roots.tasks if not task.done()]
    roots.stopped = True
    loop._stopping = False
    return False


@contextlib.contextmanager
def _standing_still(loop):
    """The enclosing run of this loop, its current task and its stop() meanwhile."""
    if len(loop._ready.waiting) >= _MOST:
        raise RuntimeError(f"{_MOST} runs of event loops are nested in this thread already")
    enter_again = _leave_tasks(loop)
    handle, stopping, roots = getattr(loop, "_current_handle", None), loop._stopping, _Roots(loop)
    loop._stopping = False
    loop._ready.waiting.append([])
    try:
        yield roots
    finally:
        # An enclosing run may have been stopped in the very turn in which this one has ended.
        _is_stopped(loop, roots)
        loop._ready.extendleft(reversed(loop._ready.waiting.pop()))
        loop._current_handle = handle
        loop._stopping = stopping or roots.stopped
        enter_again()


def _leave_tasks(loop):
    """Nobody is the loop's current task until the result is called. Since 3.14 tasks in C and in Python have a register each."""
    tasks, left = asyncio.tasks, []
    registers = [(tasks.current_task, tasks._leave_task, tasks._enter_task)]
    if sys.version_info >= (3, 14):
        registers.append((tasks._py_current_task, tasks._py_leave_task, tasks._py_enter_task))
    for current, leave, enter in registers:
        task = current(loop)
        if task is not None:
            leave(loop, task)
            left.append((enter, task))

    def enter_again():
        for enter, task in left:
            enter(loop, task)

    return enter_again
