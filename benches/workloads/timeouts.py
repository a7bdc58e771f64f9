"""timeout() and wait_for that do not run out, the usual case."""

import asyncio

from .definition import core

MINUTE = 60


@core("timeout", "block")
async def timeout(iterations):
    """async with timeout(60) around a sleep(0)."""
    for _ in range(iterations):
        async with asyncio.timeout(MINUTE):
            await asyncio.sleep(0)


@core("timeout.enter_exit", "block")
async def timeout_enter_exit(iterations):
    """async with timeout(60) around nothing; a turn of the loop after every 100."""
    for number in range(iterations):
        async with asyncio.timeout(MINUTE):
            pass
        if number % 100 == 99:
            await asyncio.sleep(0)


@core("wait_for", "call")
async def wait_for(iterations):
    """wait_for(…, 60) of a coroutine that does sleep(0)."""

    async def pause():
        await asyncio.sleep(0)

    for _ in range(iterations):
        await asyncio.wait_for(pause(), MINUTE)
