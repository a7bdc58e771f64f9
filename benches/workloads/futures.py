"""Waking by futures."""

import asyncio

from .definition import core


@core("future.ping_pong", "wake-up", operations=2)
async def ping_pong(iterations):
    """Two tasks that wake one another through a new future each time."""
    loop = asyncio.get_running_loop()
    balls = [loop.create_future(), loop.create_future()]

    async def player(me):
        other = 1 - me
        for _ in range(iterations):
            await balls[me]
            balls[me] = loop.create_future()
            balls[other].set_result(None)

    balls[0].set_result(None)
    await asyncio.gather(player(0), player(1))
