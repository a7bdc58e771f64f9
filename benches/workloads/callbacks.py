"""call_soon."""

import asyncio

from .definition import core, nothing_callback

BATCH = 100_000


@core("call_soon.chain", "callback")
async def call_soon_chain(iterations):
    """A callback that schedules itself: one is ready at a time."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    left = iterations

    def step():
        nonlocal left
        left -= 1
        if left:
            loop.call_soon(step)
        else:
            done.set_result(None)

    loop.call_soon(step)
    await done


@core("call_soon.batch", "callback", operations=BATCH)
async def call_soon_batch(iterations):
    """100,000 callbacks scheduled, then run."""
    loop = asyncio.get_running_loop()
    for _ in range(iterations):
        done = loop.create_future()
        for _ in range(BATCH - 1):
            loop.call_soon(nothing_callback)
        loop.call_soon(done.set_result, None)
        await done
