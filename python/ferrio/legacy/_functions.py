"""Functions with the ``loop=`` of 3.9, and with coroutines where `wait` wants tasks since 3.11.

A given loop is the one that the function works on: what is awaited on another fails, as then, with "attached to a different
loop". ``loop=None`` is as if it were not given.
"""

import asyncio
import contextlib
import inspect
import sys

from .._install import holders, own_holders
from ._shown import shown_as
from ._warn import warn

#: Coroutine functions that need nothing but the check that they run on the given loop.
ON_THE_RUNNING_LOOP = (
    "sleep",
    "open_connection",
    "start_server",
    "open_unix_connection",
    "start_unix_server",
    "create_subprocess_exec",
    "create_subprocess_shell",
)

#: All that once took a loop.
NAMES = (*ON_THE_RUNNING_LOOP, "gather", "shield", "wait", "wait_for", "as_completed")

# Before anything is replaced.
_gather, _shield, _wait, _wait_for, _as_completed = (
    asyncio.gather,
    asyncio.shield,
    asyncio.wait,
    asyncio.wait_for,
    asyncio.as_completed,
)
_END = object()


def put_back(installation):
    """Each in asyncio, in ferrio, and in the submodules that have it."""
    taking = [_taking_loop(getattr(asyncio, name)) for name in ON_THE_RUNNING_LOOP]
    for function in (*taking, gather, shield, wait, wait_for, as_completed):
        for owner in (*holders(function.__name__), *own_holders(function.__name__)):
            installation.replace(owner, function.__name__, function)


def _warn_of_loop(name):
    warn(f"the argument loop of asyncio.{name}()", "leave it out, the running loop is meant")


def _as_coroutine_function(stock):
    """A decorator: the plain function, called where the program stands, shows itself as the coroutine function that it was."""

    def decorate(function):
        function = shown_as(stock)(function)
        if sys.version_info >= (3, 12):
            return inspect.markcoroutinefunction(function)
        function._is_coroutine = asyncio.coroutines._is_coroutine
        return function

    return decorate


async def _must_run_on(loop):
    if loop is not asyncio.get_running_loop():
        # The task that gets a future of another loop fails, and says what is wrong.
        await loop.create_future()


async def _on(loop, function, args, named):
    await _must_run_on(loop)
    return await function(*args, **named)


def _taking_loop(stock):
    @_as_coroutine_function(stock)
    def taking(*args, loop=None, **named):
        if loop is None:
            return stock(*args, **named)
        _warn_of_loop(stock.__name__)
        made = _on(loop, stock, args, named)
        made.__name__, made.__qualname__ = stock.__name__, stock.__qualname__
        return made

    return taking


@_as_coroutine_function(_wait)
def wait(fs, *, loop=None, timeout=None, return_when=asyncio.ALL_COMPLETED):
    if loop is not None:
        _warn_of_loop("wait")
    if asyncio.isfuture(fs) or _is_one_coroutine(fs) or return_when not in _RETURN_WHEN:
        return _wait(fs, timeout=timeout, return_when=return_when)
    # Once each, in the order given: tasks are made in it.
    given = list(dict.fromkeys(fs))
    if any(map(asyncio.iscoroutine, given)):
        warn("asyncio.wait() over coroutines", "give it tasks, made by asyncio.create_task(), or use asyncio.gather()")
    return _wait_for_all(given, loop, timeout, return_when)


_RETURN_WHEN = (asyncio.ALL_COMPLETED, asyncio.FIRST_COMPLETED, asyncio.FIRST_EXCEPTION)


async def _wait_for_all(given, loop, timeout, return_when):
    if loop is not None:
        await _must_run_on(loop)
    made = [asyncio.ensure_future(each, loop=loop) for each in given]
    return await _wait(made, timeout=timeout, return_when=return_when)


def _is_one_coroutine(given):
    # A generator is also what a program writes for "these coroutines": (f(x) for x in y).
    return asyncio.iscoroutine(given) and not _is_plain_generator(given)


def _is_plain_generator(given):
    return inspect.isgenerator(given) and not given.gi_code.co_flags & inspect.CO_ITERABLE_COROUTINE


@_as_coroutine_function(_wait_for)
def wait_for(fut, timeout, *, loop=None):
    if loop is not None:
        _warn_of_loop("wait_for")
    return _wait_for(fut, timeout) if loop is None and not _is_plain_generator(fut) else _wait_for_on(loop, fut, timeout)


async def _wait_for_on(loop, fut, timeout):
    if loop is not None:
        await _must_run_on(loop)
    # A generator without types.coroutine can be a task, but nothing awaits it.
    return await _wait_for(asyncio.ensure_future(fut) if _is_plain_generator(fut) else fut, timeout)


@shown_as(_gather)
def gather(*coros_or_futures, loop=None, return_exceptions=False):
    if loop is None:
        return _gather(*coros_or_futures, return_exceptions=return_exceptions)
    _warn_of_loop("gather")
    if not coros_or_futures:
        done = loop.create_future()
        done.set_result([])
        return done
    made = {each: asyncio.ensure_future(each, loop=loop) for each in dict.fromkeys(coros_or_futures)}
    return _gather(*(made[each] for each in coros_or_futures), return_exceptions=return_exceptions)


@shown_as(_shield)
def shield(arg, *, loop=None):
    if loop is None:
        return _shield(arg)
    _warn_of_loop("shield")
    return _shield(asyncio.ensure_future(arg, loop=loop))


@shown_as(_as_completed)
def as_completed(fs, *, loop=None, timeout=None):
    if _is_plain_generator(fs):
        fs = list(fs)
    if loop is None:
        return _as_completed(fs, timeout=timeout)
    _warn_of_loop("as_completed")
    if sys.version_info >= (3, 13):
        with _taken_for_running(loop):
            return _as_completed(fs, timeout=timeout)
    return _begun_on(loop, _as_completed(fs, timeout=timeout))


def _begun_on(loop, steps):
    # Until 3.12 it is a generator: it makes the tasks when it is asked for the first.
    with _taken_for_running(loop):
        first = next(steps, _END)
    if first is not _END:
        yield first
        yield from steps


@contextlib.contextmanager
def _taken_for_running(loop):
    """`get_event_loop()`, which is all that `as_completed` asks, is this loop for a moment in which nothing is awaited."""
    running = asyncio._get_running_loop()
    asyncio._set_running_loop(loop)
    try:
        yield
    finally:
        asyncio._set_running_loop(running)
