"""Child watchers, removed in 3.14: the loop waits for its children by itself, whatever is set here.

Where asyncio has them, up to 3.13, they are left alone.
"""

import asyncio
import os
import threading
from asyncio import events

from ._events import POLICY
from ._warn import warn

_LOOP_WATCHES = "leave it out, every loop watches its own children"


def put_back(installation):
    """The classes and functions, and the two methods of the policy; what is there stays."""
    if hasattr(asyncio, "get_child_watcher"):
        return
    for each in (*WATCHERS, get_child_watcher, set_child_watcher):
        installation.replace(asyncio, each.__name__, each)
    for each in (get_child_watcher, set_child_watcher):
        installation.replace(events, each.__name__, each)
    for name in ("get_child_watcher", "set_child_watcher"):
        installation.replace(POLICY, name, vars(_OfPolicies)[name])


class AbstractChildWatcher:
    """Tells of the end of child processes."""

    def add_child_handler(self, pid, callback, *args):
        """Call ``callback(pid, returncode, *args)`` when the child has ended."""
        raise NotImplementedError

    def remove_child_handler(self, pid):
        """Forget the child; was there one?"""
        raise NotImplementedError

    def attach_loop(self, loop):
        """Be told of a new loop."""
        raise NotImplementedError

    def close(self):
        """Release what it holds."""
        raise NotImplementedError

    def is_active(self):
        """Can it be used?"""
        raise NotImplementedError

    def __enter__(self):
        raise NotImplementedError

    def __exit__(self, *error):
        raise NotImplementedError


class ThreadedChildWatcher(AbstractChildWatcher):
    """Waits for each child in a thread of its own, and calls back on the loop that ran when the handler was added."""

    def __init__(self):
        warn(f"asyncio.{type(self).__name__}", _LOOP_WATCHES)
        self._threads = {}

    def is_active(self):
        return True

    def close(self):
        pass

    def attach_loop(self, loop):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def add_child_handler(self, pid, callback, *args):
        loop = asyncio.get_running_loop()
        thread = threading.Thread(target=self._wait, args=(loop, pid, callback, args), name=f"waitpid-{pid}", daemon=True)
        self._threads[pid] = thread
        thread.start()

    def remove_child_handler(self, pid):
        # The thread cannot be stopped; asyncio's says this too.
        return True

    def _wait(self, loop, pid, callback, args):
        try:
            returncode = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        except ChildProcessError:
            # Somebody else has waited for it.
            returncode = 255
        self._threads.pop(pid, None)
        if not loop.is_closed():
            loop.call_soon_threadsafe(callback, pid, returncode, *args)


class PidfdChildWatcher(ThreadedChildWatcher):
    """As `ThreadedChildWatcher`."""


class MultiLoopChildWatcher(ThreadedChildWatcher):
    """As `ThreadedChildWatcher`."""


class SafeChildWatcher(ThreadedChildWatcher):
    """As `ThreadedChildWatcher`."""


class FastChildWatcher(ThreadedChildWatcher):
    """As `ThreadedChildWatcher`."""


WATCHERS = (
    AbstractChildWatcher,
    ThreadedChildWatcher,
    PidfdChildWatcher,
    MultiLoopChildWatcher,
    SafeChildWatcher,
    FastChildWatcher,
)

_set = None


def get_child_watcher():
    """The one that was set, else a `ThreadedChildWatcher`."""
    global _set
    warn("asyncio.get_child_watcher()", _LOOP_WATCHES)
    if _set is None:
        _set = ThreadedChildWatcher()
    return _set


def set_child_watcher(watcher):
    """Set what `get_child_watcher` gives. No loop asks for it."""
    global _set
    warn("asyncio.set_child_watcher()", _LOOP_WATCHES)
    if watcher is not None and not isinstance(watcher, AbstractChildWatcher):
        raise TypeError(f"watcher must be an instance of AbstractChildWatcher or None, not '{type(watcher).__name__}'")
    _set = watcher


class _OfPolicies:
    """The same as methods of a policy."""

    def get_child_watcher(self):
        return get_child_watcher()

    def set_child_watcher(self, watcher):
        set_child_watcher(watcher)
