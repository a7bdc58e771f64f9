"""`ferrio.run`: `asyncio.run` on ferrio."""

import asyncio
import contextvars

from ._install import install, uninstall
from ._loop import Loop, new_event_loop
from ._nested_runners import run_in
from ._nesting import nestable_loop

__all__ = ("run",)


def run(main, *, debug=None, loop_factory=None):
    """Run the coroutine `main` on a new loop and return its result, as `asyncio.run`; ferrio is installed meanwhile.

    `debug` sets the loop's debug mode. `loop_factory` makes the loop, which is then not set as the current one. Without it the loop is a
    `ferrio.Loop`: that of the event loop policy, if the program has set one of its own that makes ferrio's loops, else
    `ferrio.new_event_loop()`. Inside a running loop that allows it (`ferrio.allow_nested`) `main` is run on that loop, and both
    arguments are left aside.
    Raises what `main` raises, RuntimeError from inside another running loop, ValueError or TypeError (as the running version's
    `asyncio.run`) for what is no coroutine. The main thread's Ctrl-C cancels `main` and raises KeyboardInterrupt.
    """
    if asyncio._get_running_loop() is not None:
        loop = nestable_loop()
        if loop is not None:
            return run_in(loop, main, contextvars.copy_context())
        # Said here so that nothing is installed for a call that fails.
        raise RuntimeError("asyncio.run() cannot be called from a running event loop")
    factory = loop_factory or _own_policys_factory() or new_event_loop
    is_set = False
    install()
    try:
        with asyncio.Runner(debug=debug, loop_factory=factory) as runner:
            if loop_factory is None:
                # As asyncio's runner with a loop that it makes by itself: whoever asks the policy meanwhile gets that one.
                asyncio.set_event_loop(runner.get_loop())
                is_set = True
            return runner.run(main)
    finally:
        uninstall()
        if is_set:
            # `asyncio.run` leaves no current loop behind; the policy that was there before must not either.
            asyncio.set_event_loop(None)


def _own_policys_factory():
    """What makes the loop if a policy has been set whose `new_event_loop` is not asyncio's; asked for before ours is in place."""
    policy = getattr(asyncio.events, "_event_loop_policy", None)
    writers = (kind.__module__ for kind in type(policy).__mro__ if "new_event_loop" in vars(kind))
    if next(writers, "asyncio").partition(".")[0] == "asyncio":
        return None

    def factory():
        loop = policy.new_event_loop()
        if isinstance(loop, Loop):
            return loop
        if loop is not None:
            loop.close()
        return new_event_loop()

    return factory
