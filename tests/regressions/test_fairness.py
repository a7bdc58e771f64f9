"""Slow callbacks after a fast phase do not keep timers, descriptors and other threads waiting.

Found in review with a loop that was busy with tiny steps before it got slow ones: ferrio polls the
kernel once per so many callbacks, a number that grows while they are fast, and spent a grant of
hundreds on callbacks of 5 ms each. Judged by how many slow ones ran before the event, not by a
clock.
"""

import asyncio
import os
import threading
import time

import pytest

FAST = 20_000
SLOW_SECONDS = 0.005

#: ferrio asks a coarse clock every fourth callback, so two such rounds at most. Stock needs one
#: turn, two for the timer.
ENOUGH = 8
#: Without the event the slow ones end here.
TOO_MANY = 100


@pytest.fixture(params=["timer", "reader", "thread", "executor"])
def event(request, loop):
    """``event(callback)``: something that happens soon, outside of the ready queue."""
    fds = os.pipe()

    def timer(callback):
        # Not due yet, for a timer that is due at once makes the loop look at once.
        loop.call_later(1.5 * SLOW_SECONDS, callback)

    def reader(callback):
        def read():
            loop.remove_reader(fds[0])
            callback()

        loop.add_reader(fds[0], read)
        os.write(fds[1], b"x")

    def thread(callback):
        poster = threading.Thread(target=loop.call_soon_threadsafe, args=(callback,))
        poster.start()
        poster.join()

    def executor(callback):
        ended = threading.Event()
        future = loop.run_in_executor(None, ended.set)
        future.add_done_callback(lambda future: callback())
        ended.wait()

    yield locals()[request.param]
    for fd in fds:
        os.close(fd)


def test_slow_steps_of_a_task(loop, event):
    async def main():
        for _ in range(FAST):
            await asyncio.sleep(0)
        happened = []
        event(lambda: happened.append(True))
        slow = 0
        while not happened and slow < TOO_MANY:
            time.sleep(SLOW_SECONDS)
            slow += 1
            await asyncio.sleep(0)
        return slow

    assert loop.run_until_complete(main()) <= ENOUGH


def test_slow_callbacks(loop, event):
    happened, slow = [], []

    def fast(left):
        if left:
            loop.call_soon(fast, left - 1)
        else:
            event(lambda: happened.append(True))
            slowly()

    def slowly():
        if happened or len(slow) == TOO_MANY:
            loop.stop()
            return
        time.sleep(SLOW_SECONDS)
        slow.append(True)
        loop.call_soon(slowly)

    loop.call_soon(fast, FAST)
    loop.run_forever()
    assert happened
    assert len(slow) <= ENOUGH
    # What else the event has left behind ends with the loop.
    loop.run_until_complete(asyncio.sleep(0))


def test_slow_steps_of_two_tasks(loop, event):
    """Two entries a turn: the number of callbacks does not go through every multiple of four."""
    happened, slow = [], []

    async def slowly():
        while not happened and len(slow) < TOO_MANY:
            time.sleep(SLOW_SECONDS)
            slow.append(True)
            await asyncio.sleep(0)

    async def main():
        for _ in range(FAST):
            await asyncio.sleep(0)
        event(lambda: happened.append(True))
        await asyncio.gather(slowly(), slowly(), slowly())

    loop.run_until_complete(main())
    assert len(slow) <= 2 * ENOUGH
