"""`ferrio.run`: `asyncio.run` on ferrio."""

import asyncio
import contextvars

from ._install import install, uninstall
from ._loop import new_event_loop
from ._nested_runners import run_in
from ._nesting import nestable_loop

__all__ = ("run",)


def run(main, *, debug=None, loop_factory=None):
    """Run the coroutine `main` on a new loop and return its result, as `asyncio.run`; ferrio is installed meanwhile.

    `debug` sets the loop's debug mode. `loop_factory` makes the loop (default: `ferrio.new_event_loop`). Inside a running loop that
    allows it (`ferrio.allow_nested`) `main` is run on that loop, and both are left aside.
    Raises what `main` raises, RuntimeError from inside another running loop, ValueError or TypeError (as the running version's
    `asyncio.run`) for what is no coroutine. The main thread's Ctrl-C cancels `main` and raises KeyboardInterrupt.
    """
    if asyncio._get_running_loop() is not None:
        loop = nestable_loop()
        if loop is not None:
            return run_in(loop, main, contextvars.copy_context())
        # Said here so that nothing is installed for a call that fails.
        raise RuntimeError("asyncio.run() cannot be called from a running event loop")
    install()
    try:
        with asyncio.Runner(debug=debug, loop_factory=loop_factory or new_event_loop) as runner:
            return runner.run(main)
    finally:
        uninstall()
        # `asyncio.run` leaves no current loop behind; the policy that was there before must not either.
        asyncio.set_event_loop(None)
