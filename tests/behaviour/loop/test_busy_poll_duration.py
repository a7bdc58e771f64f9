"""loop.busy_poll_duration, which asyncio does not have, and what stays as it is while a loop polls busily."""

import asyncio
import contextlib
import os
import signal
import socket
import threading
import time

import pytest


@pytest.fixture(params=[0, None, 0.01], ids=["never", "usual", "long"])
def polling(request, flavour, loop):
    """A loop with this limit."""
    if request.param is not None:
        if flavour.name == "asyncio":
            pytest.skip("asyncio sleeps at once")
        loop.busy_poll_duration = request.param
    return loop


async def talk(times):
    """So many round trips to a thread: short sleeps that teach the loop to poll busily."""
    loop = asyncio.get_running_loop()
    here, there = socket.socketpair()

    def answer():
        there.send(there.recv(10))

    echo = threading.Thread(target=lambda: [answer() for _ in range(times)])
    echo.start()
    with here, there:
        here.setblocking(False)
        for _ in range(times):
            await loop.sock_sendall(here, b"ping")
            assert await loop.sock_recv(here, 10) == b"ping"
        echo.join()


@contextlib.contextmanager
def soon(seconds, call, *arguments):
    """Meanwhile another thread makes the call; it has ended afterwards."""
    timer = threading.Timer(seconds, call, arguments)
    timer.start()
    try:
        yield
    finally:
        timer.join()


def test_what_it_takes(flavour, loop):
    if flavour.name == "asyncio":
        assert not hasattr(loop, "busy_poll_duration")
        return
    assert loop.busy_poll_duration == pytest.approx(40e-6)
    for seconds in (0, 0.0, 1e-6, 1, 0.5):
        loop.busy_poll_duration = seconds
        assert loop.busy_poll_duration == seconds
    for wrong in (-1e-9, 1.1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="from 0 to 1 second"):
            loop.busy_poll_duration = wrong
    with pytest.raises(TypeError):
        loop.busy_poll_duration = "1"
    with pytest.raises(AttributeError):
        del loop.busy_poll_duration
    assert loop.busy_poll_duration == 0.5


def test_round_trips(polling):
    polling.run_until_complete(talk(300))


def test_timers_are_on_time(polling):
    async def main():
        await talk(100)
        for delay in (0.0, 1e-5, 1e-3, 0.02):
            began = time.monotonic()
            await asyncio.sleep(delay)
            assert time.monotonic() - began >= delay

    polling.run_until_complete(main())


def test_other_threads_are_heard(polling):
    async def main():
        loop = asyncio.get_running_loop()
        await talk(100)
        for number in range(100):
            assert await loop.run_in_executor(None, int, number) == number
        await loop.shutdown_default_executor()
        later = loop.create_future()
        with soon(0.02, loop.call_soon_threadsafe, later.set_result, "heard"):
            assert await later == "heard"

    polling.run_until_complete(main())


@pytest.mark.parametrize("waits_for", ["timer", "socket"])
def test_who_waits_long_sleeps(loop, waits_for):
    async def main():
        loop = asyncio.get_running_loop()
        await talk(300)
        here, there = socket.socketpair()
        with here, there:
            here.setblocking(False)
            busy = time.process_time()
            if waits_for == "timer":
                await asyncio.sleep(0.5)
            else:
                with soon(0.5, there.send, b"at last"):
                    assert await loop.sock_recv(here, 10) == b"at last"
            assert time.process_time() - busy < 0.25

    loop.run_until_complete(main())


@pytest.mark.parametrize("handler", ["loop", "python"])
def test_signals_are_heard(polling, handler):
    def interrupted(*_):
        raise ZeroDivisionError

    async def main():
        loop = asyncio.get_running_loop()
        await talk(100)
        arrived = loop.create_future()
        if handler == "loop":
            loop.add_signal_handler(signal.SIGUSR1, arrived.set_result, True)
        else:
            signal.signal(signal.SIGUSR1, interrupted)
        with soon(0.02, os.kill, os.getpid(), signal.SIGUSR1):
            assert await arrived

    try:
        if handler == "loop":
            polling.run_until_complete(main())
        else:
            with pytest.raises(ZeroDivisionError):
                polling.run_until_complete(main())
    finally:
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)
