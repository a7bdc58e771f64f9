"""Handle and TimerHandle: class, cancel, cancelled, when, get_context, comparison and repr."""

import asyncio
import contextvars
import re

import pytest


def callback(*args):
    """A callback with a name for the repr."""


def shape(handle):
    """The repr without addresses."""
    return re.sub(r"0x[0-9a-f]+", "0x", repr(handle))


@pytest.fixture
def stock():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def test_classes(loop):
    soon = loop.call_soon(callback)
    later = loop.call_later(100, callback)
    assert isinstance(soon, asyncio.Handle)
    assert not isinstance(soon, asyncio.TimerHandle)
    assert isinstance(later, asyncio.TimerHandle)
    assert isinstance(later, asyncio.Handle)
    assert isinstance(loop.call_soon_threadsafe(callback), asyncio.Handle)
    later.cancel()


@pytest.mark.parametrize("debug", [False, True])
def test_repr_is_stocks(loop, stock, debug):
    def shapes(loop):
        loop.set_debug(debug)
        handles = [
            loop.call_soon(callback),
            loop.call_soon(callback, 1, "two"),
            loop.call_soon_threadsafe(callback),
            loop.call_at(12345.5, callback),
            loop.call_at(12345.5, callback, 1),
        ]
        pending = [shape(handle) for handle in handles]
        for handle in handles:
            handle.cancel()
        return pending + [shape(handle) for handle in handles]

    assert shapes(loop) == shapes(stock)


def test_cancelled_before_and_after(loop):
    handle = loop.call_soon(callback)
    assert handle.cancelled() is False
    assert handle.cancel() is None
    assert handle.cancelled() is True


def test_running_a_handle_does_not_cancel_it(loop):
    handle = loop.call_soon(callback)
    loop.run_until_complete(asyncio.sleep(0))
    assert handle.cancelled() is False


@pytest.mark.skipif(
    not hasattr(asyncio.Handle, "get_context"), reason="Handle.get_context is new in 3.12"
)
def test_get_context(loop):
    context = contextvars.copy_context()
    assert loop.call_soon(callback, context=context).get_context() is context
    timer = loop.call_later(100, callback, context=context)
    assert timer.get_context() is context
    timer.cancel()
    assert isinstance(loop.call_soon(callback).get_context(), contextvars.Context)


def test_timers_compare_by_deadline(loop):
    early, late = loop.call_at(5.0, callback), loop.call_at(6.0, callback)
    assert early < late and early <= late and late > early and late >= early
    assert early != late
    assert sorted([late, early]) == [early, late]
    assert hash(early) != hash(late)
    for handle in (early, late):
        handle.cancel()


def test_a_cancelled_handle_lets_go_of_its_arguments(loop):
    import weakref

    class Argument:
        pass

    argument = Argument()
    gone = weakref.ref(argument)
    handle = loop.call_soon(callback, argument)
    del argument
    handle.cancel()
    assert gone() is None


def test_handles_can_be_weakly_referenced(loop):
    import weakref

    soon, timer = loop.call_soon(callback), loop.call_later(100, callback)
    assert weakref.ref(soon)() is soon
    assert weakref.ref(timer)() is timer
    timer.cancel()


def test_a_handle_outlives_its_loop(loop):
    handle = loop.call_later(100, callback)
    loop.close()
    handle.cancel()
    assert handle.cancelled()
