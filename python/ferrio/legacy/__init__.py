"""What asyncio had from Python 3.4 to 3.10 and has no more, for programs written then: ``python -m ferrio --legacy app.py``.

`install()` puts it all back into asyncio, on ferrio: `@asyncio.coroutine`, coroutines given to `wait`, ``loop=`` arguments,
``with (yield from lock)``, a `get_event_loop()` that makes a loop, `Task.all_tasks()`, child watchers. Each use warns with a
DeprecationWarning, at the program's line, that names what is written today. What a current program does stays as it is.

Sources: "What's New in Python" 3.5 to 3.14, and asyncio's documentation of 3.4 to 3.10.
"""

import asyncio
import sys
import threading
import types

from .. import _install
from . import _bound, _coroutines, _events, _functions, _names, _watchers

__all__ = ("install", "is_installed", "uninstall")

_lock = threading.Lock()
_count = 0
_installation: _install.Installation | None = None


def install() -> None:
    """Install ferrio, and give asyncio back what it once had, until `uninstall` has been called as often.

    Children that multiprocessing starts meanwhile have it too. Any thread may call it. Call it before the program's modules are
    imported: ``from asyncio import sleep`` takes what is there.
    """
    global _count, _installation
    with _lock:
        if _count == 0:
            _install.install()
            _installation = _put_back()
        _count += 1


def uninstall() -> None:
    """Take one `install` back; the last one restores every name. Raises RuntimeError if it is not installed."""
    global _count, _installation
    with _lock:
        if _count == 0:
            raise RuntimeError("ferrio.legacy is not installed")
        _count -= 1
        if _count == 0:
            _take_away(_installation)
            _installation = None


def is_installed() -> bool:
    """Has `install` been called more often than `uninstall`?"""
    return _count > 0


#: What can be imported as a module while it is installed.
MODULES = _names.MODULES

_PARTS = (_coroutines, _functions, _bound, _events, _watchers, _names)


class _Places(list):
    """Takes note instead of putting anything anywhere."""

    def replace(self, owner, name, value):
        self.append((owner, name))


def places():
    """The modules and classes, with the names there, that `install` would change."""
    noted = _Places()
    for part in _PARTS:
        part.put_back(noted)
    return noted


def _put_back():
    installation = _install.Installation()
    try:
        for part in _PARTS:
            part.put_back(installation)
        sys.modules.update(MODULES)
    except BaseException:
        _take_away(installation)
        raise
    return installation


def _take_away(installation):
    installation.undo()
    for name in MODULES:
        sys.modules.pop(name, None)
    # What was learnt from the types that `_coroutines` has put back.
    if types.GeneratorType not in asyncio.coroutines._COROUTINE_TYPES:
        asyncio.coroutines._iscoroutine_typecache.discard(types.GeneratorType)
    _install.uninstall()
