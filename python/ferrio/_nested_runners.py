"""`asyncio.run` and `asyncio.Runner` inside a running loop: a task of that loop, and nothing of the loop is touched afterwards.

Sources: the runners page of the asyncio documentation, for what `run` promises about its coroutine, context and Ctrl-C.
"""

import asyncio
import contextvars
import functools
import inspect
import signal
import sys
import threading

from ._nesting import nestable_loop

_State = asyncio.runners._State


def asyncio_run(stock):
    """`asyncio.run` that works inside a run where that is allowed; everywhere else it is `stock`."""

    @functools.wraps(stock)
    def run(main, **named):
        loop = nestable_loop()
        if loop is None:
            return stock(main, **named)
        # The names are checked by asyncio's own class.
        with asyncio.Runner(**named) as runner:
            return runner.run(main)

    return run


def runner_methods(stock):
    """The methods of `asyncio.Runner` by name, likewise. A runner that is first used inside a run adopts the running loop."""

    @functools.wraps(stock.run)
    def run(self, coro, *, context=None):
        if nestable_loop() is None:
            return before["run"](self, coro, context=context)
        self._lazy_init()
        return run_in(self._loop, coro, self._context if context is None else context)

    @functools.wraps(stock._lazy_init)
    def _lazy_init(self):
        loop = nestable_loop()
        if loop is None or self._state is not _State.CREATED:
            before["_lazy_init"](self)
            return
        self._loop = loop
        self._context = contextvars.copy_context()
        self._state = _State.INITIALIZED
        self._adopted = True

    @functools.wraps(stock.close)
    def close(self):
        if not getattr(self, "_adopted", False):
            before["close"](self)
            return
        self._loop = None
        self._state = _State.CLOSED

    methods = {method.__name__: method for method in (run, _lazy_init, close)}
    before = {name: getattr(stock, name) for name in methods}
    return methods


def run_in(loop, coro, context):
    """What `coro` returns or raises, run as a task of a loop that is running or not."""
    task = loop.create_task(_coroutine(coro), context=context)
    ctrl_c = _CtrlC(loop, task)
    try:
        return loop.run_until_complete(task)
    except asyncio.CancelledError:
        if ctrl_c.count > 0 and task.uncancel() == 0:
            raise KeyboardInterrupt() from None
        raise
    finally:
        ctrl_c.give_back()
        if not task.done():
            _end(loop, task)


def _coroutine(main):
    """What is asked of the argument of `run` and `Runner.run`, with the running version's errors."""
    if asyncio.iscoroutine(main):
        return main
    if sys.version_info < (3, 14):
        raise ValueError(f"a coroutine was expected, got {main!r}")
    if not inspect.isawaitable(main):
        raise TypeError("An asyncio.Future, a coroutine or an awaitable is required")
    return _awaiting(main)


async def _awaiting(awaitable):
    return await awaitable


def _end(loop, task):
    """The run was left before the task was done, by Ctrl-C or `loop.stop()`: the task is cancelled and waited for."""
    task.cancel()
    try:
        loop.run_until_complete(task)
    except asyncio.CancelledError:
        pass
    except Exception as exception:
        # Not done: too many runs are nested here. Then an outer one ends it.
        if task.done():
            message = "unhandled exception during asyncio.run() shutdown"
            loop.call_exception_handler({"message": message, "exception": exception, "task": task})


class _CtrlC:
    """SIGINT during one nested run: the first cancels its task, as that of the outer runner would cancel its own."""

    def __init__(self, loop, task):
        self.count = 0
        self._loop = loop
        self._task = task
        self._before = None
        if threading.current_thread() is threading.main_thread():
            before = signal.getsignal(signal.SIGINT)
            if before is signal.default_int_handler or _is_a_runners(before):
                signal.signal(signal.SIGINT, self)
                self._before = before

    def __call__(self, signum, frame):
        self.count += 1
        if self.count == 1 and not self._task.done():
            self._task.cancel()
            # The loop may be asleep.
            self._loop.call_soon_threadsafe(lambda: None)
            return
        raise KeyboardInterrupt()

    def give_back(self):
        if self._before is not None and signal.getsignal(signal.SIGINT) is self:
            signal.signal(signal.SIGINT, self._before)


def _is_a_runners(handler):
    """Has `asyncio.Runner`, or another nested run, put it there? A program's own handler stays."""
    method = getattr(handler, "func", None)
    return isinstance(handler, _CtrlC) or getattr(method, "__func__", None) is asyncio.Runner._on_sigint
