"""call_later."""

import asyncio
import random
import time

from .definition import core, nothing_callback

FIRE = 10_000
CANCEL = 1000
PENDING = 100_000
HOUR = 3600


@core("timer.fire", "timer", operations=FIRE)
async def timer_fire(iterations):
    """10,000 call_later of 1–5 ms in random order, then all of them run. Waiting until all are due is not counted."""
    loop = asyncio.get_running_loop()
    # A delay that rounds to 0 ms is a plain callback on libuv's loops: no timer to measure.
    chosen = random.Random(1)
    delays = [chosen.uniform(0.001, 0.005) for _ in range(FIRE)]
    seconds = 0.0
    for _ in range(iterations):
        left = FIRE
        done = loop.create_future()

        def fire():
            nonlocal left
            left -= 1
            if not left:
                done.set_result(None)

        start = time.perf_counter()
        for delay in delays:
            loop.call_later(delay, fire)
        scheduled = time.perf_counter()
        time.sleep(max(delays) + 0.002)
        due = time.perf_counter()
        await done
        seconds += (scheduled - start) + (time.perf_counter() - due)
    return seconds


@core("timer.cancel", "timer", operations=CANCEL)
async def timer_cancel(iterations):
    """1000 call_later of an hour, all cancelled, then one turn of the loop."""
    loop = asyncio.get_running_loop()
    for _ in range(iterations):
        for timer in [loop.call_later(HOUR, nothing_callback) for _ in range(CANCEL)]:
            timer.cancel()
        await asyncio.sleep(0)


@core("timer.among_100k", "timer", operations=CANCEL)
async def timer_among_100k(iterations):
    """While 100,000 timers wait: 1000 call_later that come to lie among them, all cancelled, then one turn of the loop."""
    loop = asyncio.get_running_loop()
    chosen = random.Random(2)
    waiting = [loop.call_later(chosen.uniform(HOUR, 2 * HOUR), nothing_callback) for _ in range(PENDING)]
    delays = [chosen.uniform(HOUR, 2 * HOUR) for _ in range(CANCEL)]
    start = time.perf_counter()
    for _ in range(iterations):
        for timer in [loop.call_later(delay, nothing_callback) for delay in delays]:
            timer.cancel()
        await asyncio.sleep(0)
    seconds = time.perf_counter() - start
    for timer in waiting:
        timer.cancel()
    return seconds
