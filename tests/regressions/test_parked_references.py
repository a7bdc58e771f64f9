"""Exceptions and numbers that the loop has seen are let go of at once, not when it next sleeps.

Found in review by counting living objects while the loop was busy: the library that binds ferrio to
CPython parks what is dropped by a thread that it does not know to hold the interpreter, and ferrio
told it nothing for the length of a run. Frames of failed callbacks and exceptions of
``add_reader(socket)`` piled up.
"""

import asyncio
import gc
import socket
import sys
import weakref

import pytest

COUNT = 500


class Thing:
    """What a failing function has in its frame."""


class Things(list):
    """Weak references to things."""

    def make(self):
        thing = Thing()
        self.append(weakref.ref(thing))
        return thing

    @property
    def alive(self):
        gc.collect()
        return sum(reference() is not None for reference in self)


@pytest.fixture
def things():
    return Things()


async def turns(count=3):
    """Turns of a loop that does not sleep."""
    for _ in range(count):
        await asyncio.sleep(0)


def test_callbacks_that_fail(loop, things, reported):
    def fails(thing):
        raise ValueError("on purpose")

    async def main():
        for _ in range(COUNT):
            loop.call_soon(fails, things.make())
        await turns()
        assert len(reported) == COUNT
        reported.clear()
        return things.alive

    loop.set_exception_handler(reported)
    assert loop.run_until_complete(main()) == 0


def test_tasks_that_fail(loop, things):
    async def fails(thing):
        raise ValueError("on purpose")

    async def main():
        for _ in range(COUNT):
            with pytest.raises(ValueError):
                await loop.create_task(fails(things.make()))
        await turns()
        return things.alive

    assert loop.run_until_complete(main()) == 0


def test_tasks_that_are_cancelled(loop, things):
    async def waits(thing):
        try:
            await asyncio.sleep(1000)
        finally:
            await asyncio.sleep(0)

    async def main():
        for _ in range(COUNT):
            task = loop.create_task(waits(things.make()))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        del task
        await turns()
        return things.alive

    assert loop.run_until_complete(main()) == 0


def test_futures_whose_exceptions_are_retrieved(loop, things):
    def fails(thing):
        raise ValueError("on purpose")

    async def main():
        for _ in range(COUNT):
            future = loop.create_future()
            try:
                fails(things.make())
            except ValueError as error:
                future.set_exception(error)
            with pytest.raises(ValueError):
                await future
        del future
        await turns()
        return things.alive

    assert loop.run_until_complete(main()) == 0


def test_callbacks_that_are_cancelled(loop, things):
    async def main():
        for _ in range(COUNT):
            loop.call_soon(len, things.make()).cancel()
            loop.call_later(1000, len, things.make()).cancel()
        await turns()
        del loop_timers[:]
        return things.alive

    # Stock keeps cancelled timers until they are the majority: one that stays does not matter.
    loop_timers = [loop.call_later(1000, len, ())]
    assert loop.run_until_complete(main()) == 0


def watch_often(loop, sock, count):
    for _ in range(count):
        loop.add_reader(sock, len)
        loop.remove_reader(sock)
        loop.add_writer(sock, len)
        loop.remove_writer(sock)


# Blocks of memory: one for each time would be as many as there are times.
TIMES = 5000


def blocks():
    gc.collect()
    return sys.getallocatedblocks()


def test_watching_a_socket_outside_of_a_run(loop):
    left, right = socket.socketpair()
    watch_often(loop, left, 100)
    before = blocks()
    watch_often(loop, left, TIMES)
    assert blocks() - before < TIMES / 10
    left.close()
    right.close()


def test_watching_a_socket_in_a_busy_run(loop):
    left, right = socket.socketpair()

    async def main(count):
        for _ in range(count):
            watch_often(loop, left, 1)
            await asyncio.sleep(0)
        return blocks()

    before = loop.run_until_complete(main(100))
    assert loop.run_until_complete(main(TIMES)) - before < TIMES / 10
    left.close()
    right.close()


@pytest.mark.parametrize("error", [AttributeError, ValueError, ZeroDivisionError])
def test_files_that_have_no_number(loop, things, error):
    """Refusals are exceptions too, and hold frames."""

    class Without:
        def __init__(self, thing):
            self.thing = thing

        def fileno(self):
            raise error("no number")

    async def main():
        for _ in range(COUNT):
            with pytest.raises((error, ValueError)):
                loop.add_reader(Without(things.make()), len)
        await turns()
        return things.alive

    assert loop.run_until_complete(main()) == 0
