"""Names that moved or were given up: `asyncio.JoinableQueue`, `asyncio.async`, `asyncio.compat`, errors where they once stood."""

import asyncio
from asyncio import base_futures, exceptions, futures, streams
from types import ModuleType

from ._warn import warn

#: Errors that are in `asyncio.exceptions` since 3.8, and the modules that had them.
MOVED = {
    futures: ("CancelledError", "InvalidStateError", "TimeoutError"),
    base_futures: ("CancelledError", "InvalidStateError"),
    streams: ("IncompleteReadError", "LimitOverrunError"),
}

#: What ``from asyncio import *`` brought and no longer brings.
_STARRED = (
    "coroutine",
    "JoinableQueue",
    "get_child_watcher",
    "set_child_watcher",
    "AbstractChildWatcher",
    "FastChildWatcher",
    "SafeChildWatcher",
)


def put_back(installation):
    """Each where it was."""
    for name, value in (("async", _async), ("compat", compat)):
        installation.replace(asyncio, name, value)
    installation.replace(asyncio.tasks, "async", _async)
    for owner in (asyncio, asyncio.queues):
        installation.replace(owner, "JoinableQueue", JoinableQueue)
    for owner, names in MOVED.items():
        for name in names:
            if not hasattr(owner, name):
                installation.replace(owner, name, getattr(exceptions, name))
    starred = [name for name in _STARRED if name not in asyncio.__all__]
    installation.replace(asyncio, "__all__", (*asyncio.__all__, *starred))


class JoinableQueue(asyncio.Queue):
    """`asyncio.Queue`, which has had its `join` and `task_done` since 3.4.4."""

    def __init__(self, *args, **named):
        warn("asyncio.JoinableQueue", "write asyncio.Queue")
        super().__init__(*args, **named)


def _async(coro_or_future, *, loop=None):
    """`asyncio.ensure_future`, as it was called before 3.4.4."""
    warn("asyncio.async()", "write asyncio.ensure_future()")
    return asyncio.ensure_future(coro_or_future, loop=loop)


_async.__name__ = _async.__qualname__ = "async"


def _compat_attribute(name):
    if name in ("PY34", "PY35", "PY352"):
        warn(f"asyncio.compat.{name}", "it is true of every Python that there is")
        return True
    raise AttributeError(f"module 'asyncio.compat' has no attribute {name!r}")


def _flatten_list_bytes(list_of_data):
    """The pieces in one."""
    warn("asyncio.compat.flatten_list_bytes()", "write b''.join()")
    return b"".join(list_of_data)


compat = ModuleType("asyncio.compat", "What asyncio asked about the running Python until 3.6.")
compat.__getattr__ = _compat_attribute
compat.flatten_list_bytes = _flatten_list_bytes

#: Those that can be imported.
MODULES = {compat.__name__: compat}
