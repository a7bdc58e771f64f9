"""Nested run: `loop.run_until_complete`, `asyncio.run` and `asyncio.Runner.run` inside a running loop, where that is allowed.

What runs is in `crates/python/src/event_loop/nested.rs`; here stands who may. See docs/decisions/0007-nested-run.md.
"""

import asyncio
import contextlib

from . import _ferrio, _install, _nesting
from ._nested_runners import asyncio_run, runner_methods

__all__ = ("allow_nested", "nested")

#: Permissions that last, so that they are given once: "process", "loop".
_lasting: set[str] = set()

#: How many permissions there are, and what was replaced in asyncio for the first.
_holds = 0
_names = None


def allow_nested(loop=None) -> None:
    """Let `loop`, or with None every loop of ferrio's in the process, be run inside its own run.

    For the process it is in force until `uninstall` has been called as often as `install`, or for ever where ferrio was not installed.
    `loop` may also be one of asyncio's, in pure Python; call it then in that loop's thread or while the loop stands still.
    Raises RuntimeError, saying why, for a loop that cannot be run inside its run, and TypeError for what is no event loop.
    Once is as good as twice.
    """
    if loop is not None:
        _allow_loop(loop)
    with _install.lock:
        allow_lasting("process" if loop is None else "loop")


def _allow_loop(loop):
    if isinstance(loop, _ferrio.Loop):
        loop._allows_nested = True
        return
    if not isinstance(loop, asyncio.AbstractEventLoop):
        raise TypeError(f"an event loop was expected, got {loop!r}")
    from ._nested_stock import allow

    allow(loop)


def allow_lasting(what):
    """The same for whoever holds the lock."""
    if what in _lasting:
        return
    _lasting.add(what)
    _hold(what == "process")
    if _install.is_installed():
        _install.at_uninstall(lambda: _end_lasting(what))


def _end_lasting(what):
    _lasting.discard(what)
    _let_go(what == "process")


@contextlib.contextmanager
def nested():
    """Allow nested run for the process meanwhile, in all threads. May itself be nested."""
    with _install.lock:
        _hold(True)
    try:
        yield
    finally:
        with _install.lock:
            _let_go(True)


def _hold(for_process):
    global _holds, _names
    _nesting.process += for_process
    _holds += 1
    if _holds == 1:
        _names = _install.Installation()
        stock = asyncio.runners.run
        run = asyncio_run(stock)
        for owner in (asyncio, asyncio.runners):
            if owner.run is stock:
                _names.replace(owner, "run", run)
        for name, method in runner_methods(asyncio.Runner).items():
            _names.replace(asyncio.Runner, name, method)


def _let_go(for_process):
    global _holds, _names
    _nesting.process -= for_process
    _holds -= 1
    if _holds == 0:
        _names.undo()
        _names = None
