"""Every method that would schedule, watch or run something on a closed loop says "Event loop is
closed"."""

import asyncio
import signal

import pytest


def nothing(*args):
    """A callback that is never called here."""


@pytest.fixture
def closed(loop_factory):
    loop = loop_factory()
    loop.close()
    return loop


SYNCHRONOUS = {
    "run_forever": lambda loop: loop.run_forever(),
    "call_soon": lambda loop: loop.call_soon(nothing),
    "call_soon_threadsafe": lambda loop: loop.call_soon_threadsafe(nothing),
    "call_later": lambda loop: loop.call_later(1, nothing),
    "call_at": lambda loop: loop.call_at(loop.time() + 1, nothing),
    "run_in_executor": lambda loop: loop.run_in_executor(None, nothing),
    "add_reader": lambda loop: loop.add_reader(0, nothing),
    "add_writer": lambda loop: loop.add_writer(0, nothing),
    "add_signal_handler": lambda loop: loop.add_signal_handler(signal.SIGUSR1, nothing),
}


@pytest.mark.parametrize("name", SYNCHRONOUS)
def test_closed_loop_refuses(closed, name):
    with pytest.raises(RuntimeError, match="^Event loop is closed$"):
        SYNCHRONOUS[name](closed)


def test_closed_loop_refuses_to_run_a_coroutine(closed):
    coro = asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="^Event loop is closed$"):
        closed.run_until_complete(coro)
    coro.close()


def test_closed_loop_refuses_to_make_a_task(closed):
    coro = asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="^Event loop is closed$"):
        closed.create_task(coro)
    coro.close()


def test_a_future_of_a_closed_loop_still_takes_its_result(closed):
    future = closed.create_future()
    future.set_result(3)
    assert future.result() == 3


def test_waking_a_callback_on_a_closed_loop_is_an_error(loop):
    future = loop.create_future()
    future.add_done_callback(nothing)
    loop.close()
    with pytest.raises(RuntimeError, match="^Event loop is closed$"):
        future.set_result(1)


def test_there_is_nothing_to_remove_from_a_closed_loop(closed):
    for remove in (closed.remove_reader, closed.remove_writer):
        assert remove(0) is False
    assert closed.remove_signal_handler(signal.SIGUSR1) is False


def test_questions_are_still_answered(closed):
    assert closed.is_closed()
    assert not closed.is_running()
    assert isinstance(closed.time(), float)
    assert isinstance(closed.get_debug(), bool)
    assert closed.get_task_factory() is None
    assert closed.get_exception_handler() is None
    closed.stop()


def test_executor_is_refused_after_its_shutdown(loop):
    loop.run_until_complete(loop.shutdown_default_executor())
    with pytest.raises(RuntimeError, match="^Executor shutdown has been called$"):
        loop.run_in_executor(None, nothing)
