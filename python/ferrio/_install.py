"""`install()` and `uninstall()`: ferrio as the default of the whole process, and back.

Installed means: loops that asyncio makes by itself (`asyncio.run`, `asyncio.Runner`, `asyncio.new_event_loop`, pytest plugins,
servers …) are ferrio's. asyncio asks `asyncio.events._event_loop_policy` for them in 3.11–3.15; it is set without the setter
that 3.14 deprecates. Children of multiprocessing inherit it, however they are started.
"""

import asyncio
import re
import sys
import threading

from . import _ferrio, _streams, _sync
from ._imports import unwatch, watch
from ._loop import new_event_loop
from ._nest_asyncio import unwatch_nest_asyncio, watch_nest_asyncio
from ._taskgroups import TaskGroup
from ._timeouts import Timeout

__all__ = ("install", "uninstall")

#: Public names of asyncio that have a native version. `install` puts it in place in `asyncio` and in each submodule.
NATIVE: dict[str, object] = {
    "TaskGroup": TaskGroup,
    "Timeout": Timeout,
    **{
        name: getattr(_ferrio, name)
        for name in (
            "as_completed",
            "create_task",
            "ensure_future",
            "gather",
            "shield",
            "sleep",
            "timeout",
            "timeout_at",
            "wait",
            "wait_for",
            "wrap_future",
        )
        # `wait_for` of 3.11 and `as_completed` until 3.12 are other ones, and stay.
        if hasattr(_ferrio, name)
    },
}
NATIVE.update((name, getattr(_sync, name)) for name in _sync.__all__)
NATIVE.update(_streams.NATIVE)

#: The module whose function starts the children of multiprocessing that are not forked.
_STARTS_CHILDREN = "multiprocessing.util"

_MISSING = object()


class Installation:
    """What was replaced, in order; `undo` restores it."""

    def __init__(self):
        self._replaced: list[tuple[object, str, object, object]] = []

    def replace(self, owner, name, value):
        self._replaced.append((owner, name, getattr(owner, name, _MISSING), value))
        setattr(owner, name, value)

    def undo(self):
        """Restore every name that still holds what was put there: a later change by somebody else stays."""
        for owner, name, before, ours in reversed(self._replaced):
            if getattr(owner, name, _MISSING) is not ours:
                continue
            if before is _MISSING:
                delattr(owner, name)
            else:
                setattr(owner, name, before)


#: Held by whoever changes what is installed or allowed.
lock = threading.Lock()
_count = 0
_installation: Installation | None = None

#: What else ends with the last `uninstall`; called with the lock held.
_afterwards: list = []


def install() -> None:
    """Make ferrio the process's default event loop, until `uninstall` has been called as often.

    Loops that exist already are untouched. Children that multiprocessing starts meanwhile have it too. Any thread may call it.
    """
    global _count, _installation
    with lock:
        _count += 1
        if _count > 1:
            return
        try:
            _installation = _put_in_place()
        except BaseException:
            _count = 0
            raise


def uninstall() -> None:
    """Take one `install` back; the last one restores every name. Raises RuntimeError if ferrio is not installed."""
    global _count, _installation
    with lock:
        if _count == 0:
            raise RuntimeError("ferrio is not installed")
        _count -= 1
        if _count == 0:
            _take_back(_installation)
            _installation = None


def is_installed() -> bool:
    """Is it now? Asked with the lock held."""
    return _count > 0


def at_uninstall(undo):
    """Call `undo()` at the last `uninstall`. Said with the lock held."""
    _afterwards.append(undo)


def _put_in_place():
    installation = Installation()
    try:
        watch_nest_asyncio(installation)
        events = asyncio.events
        if hasattr(events, "_event_loop_policy"):
            from ._policy import EventLoopPolicy

            policy = EventLoopPolicy()
            installation.replace(events, "_event_loop_policy", policy)
            # After `asyncio.set_event_loop_policy(None)`, "the default policy is restored".
            installation.replace(events, "_init_event_loop_policy", lambda: setattr(events, "_event_loop_policy", policy))
        else:
            for owner in (events, asyncio):
                installation.replace(owner, "new_event_loop", new_event_loop)
        for name, native in {**NATIVE, **_named_loops()}.items():
            for owner in holders(name):
                installation.replace(owner, name, native)
        watch(_STARTS_CHILDREN, lambda module: _let_children_inherit(module, installation))
    except BaseException:
        _take_back(installation)
        raise
    return installation


def _named_loops():
    from ._named_loops import SelectorEventLoop

    return {name: SelectorEventLoop for name in ("SelectorEventLoop", "EventLoop") if hasattr(asyncio, name)}


def _take_back(installation):
    unwatch(_STARTS_CHILDREN)
    unwatch_nest_asyncio()
    while _afterwards:
        _afterwards.pop()()
    installation.undo()


def _let_children_inherit(util, installation):
    from ._children import passes_ferrio_on, passing_ferrio_on

    if not passes_ferrio_on(util.spawnv_passfds):
        installation.replace(util, "spawnv_passfds", passing_ferrio_on(util.spawnv_passfds))


def holders(name):
    """asyncio and those of its submodules that have the stdlib's object under this name."""
    stock = getattr(asyncio, name)
    modules = (value for value in vars(asyncio).values() if getattr(value, "__package__", None) == "asyncio")
    return [owner for owner in (asyncio, *modules) if vars(owner).get(name, _MISSING) is stock]


def own_holders(name):
    """ferrio and those of its submodules that have the native object under this name."""
    native = NATIVE.get(name, _MISSING)
    public = [module for key, module in list(sys.modules.items()) if re.fullmatch(r"ferrio(\.[a-z]\w*)?", key)]
    return [module for module in public if vars(module).get(name) is native]
