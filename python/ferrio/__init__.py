"""ferrio: asyncio, implemented in Rust, for CPython.

* ``python -m ferrio app.py`` runs an unmodified asyncio program on it.
* `ferrio.run` is `asyncio.run` on it; `ferrio.new_event_loop` is a loop factory for whoever takes one.
* `ferrio.allow_nested` lets a loop be run inside its own run, as notebooks and older programs ask for.
* `ferrio.install` makes it the process's default, until `ferrio.uninstall`.
* `ferrio.CrossQueue` is a queue between loops and threads.
* ``python -m ferrio --legacy app.py`` and `ferrio.legacy` run programs that were written for Python 3.4 to 3.10.
* ``import ferrio as asyncio`` has every public name of asyncio and of its submodules: native where there is a native one,
  asyncio's own otherwise, as the running CPython has them.

Thread-safety is asyncio's: a loop and what belongs to it are used from the loop's thread, except `call_soon_threadsafe` and
`run_coroutine_threadsafe`.
"""

import asyncio
import importlib

from ._cross_queue import QueueShutDown
from ._ferrio import CrossQueue, Future, Task, __version__
from ._graph import share_call_graph
from ._install import NATIVE, install, uninstall
from ._loop import Loop, new_event_loop
from ._nested import allow_nested, nested
from ._run import run
from ._submodules import add_submodules

_OWN = (
    "CrossQueue",
    "EventLoopPolicy",
    "Future",
    "Loop",
    "QueueShutDown",
    "Task",
    "allow_nested",
    "install",
    "nested",
    "new_event_loop",
    "run",
    "uninstall",
)

__all__ = (*(name for name in _OWN if name != "EventLoopPolicy" or hasattr(asyncio.events, "_event_loop_policy")),)
__all__ += tuple(name for name in asyncio.__all__ if name not in _OWN)


def __getattr__(name):
    """What asyncio has and ferrio has no own version of; what is made when somebody asks for it: `EventLoopPolicy`, `legacy`,
    and the functions behind ``%load_ext ferrio``."""
    if name == "EventLoopPolicy":
        from ._policy import EventLoopPolicy

        return EventLoopPolicy
    if name == "legacy":
        return importlib.import_module("ferrio.legacy")
    if name in ("load_ipython_extension", "unload_ipython_extension"):
        from . import _ipython

        return getattr(_ipython, name)
    if not name.startswith("__"):
        try:
            return getattr(asyncio, name)
        except AttributeError:
            pass
    raise AttributeError(f"module 'ferrio' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__, *(name for name in dir(asyncio) if not name.startswith("_"))})


share_call_graph()
globals().update(NATIVE)
add_submodules(globals(), {**NATIVE, "Future": Future, "Task": Task, "new_event_loop": new_event_loop, "run": run})
