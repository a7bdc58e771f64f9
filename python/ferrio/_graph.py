"""Who awaits whom, for `asyncio.capture_call_graph` and `print_call_graph` of CPython 3.14: also where ours are among them.

Our futures have `_asyncio_awaited_by` as asyncio's own. `gather`, `wait`, `shield` and `TaskGroup` fill it through two functions
of `asyncio.futures`, of which CPython's know the C types only: here ours are put in their place, which hand those on. A future of
CPython's own cannot hold our tasks; when a graph is drawn, they are looked for.
"""

import asyncio
import sys

from . import _ferrio
from ._tasks import pending_tasks


def share_call_graph():
    """Let asyncio's graphs know of our futures and tasks. Nothing before 3.14."""
    if sys.version_info < (3, 14):
        return
    for name in ("future_add_to_awaited_by", "future_discard_from_awaited_by"):
        ours = getattr(_ferrio, name)
        setattr(asyncio, name, ours)
        setattr(asyncio.futures, name, ours)
        setattr(asyncio.futures, f"_c_{name}", ours)
    asyncio.graph._build_graph_for_future = _with_our_tasks(asyncio.graph._build_graph_for_future)


def _with_our_tasks(build):
    """`asyncio.graph._build_graph_for_future`, for a future of CPython's own that a task of ours awaits."""

    def build_with_our_tasks(future, **kwargs):
        graph = build(future, **kwargs)
        # A native coroutine has no frame to be shown.
        stack = [entry for entry in graph.call_stack if entry.frame is not None]
        graph = type(graph)(graph.future, type(graph.call_stack)(stack), graph.awaited_by)
        if issubclass(type(future), _ferrio.Future):
            return graph
        waiting = [task for task in pending_tasks() if task._fut_waiter is future]
        found = tuple(build_with_our_tasks(task, **kwargs) for task in waiting)
        return type(graph)(graph.future, graph.call_stack, graph.awaited_by + found)

    return build_with_our_tasks
