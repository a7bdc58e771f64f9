"""gather."""

import asyncio

from .definition import core, nothing

WIDTH = 1000


@core("gather.x1000", "coroutine", operations=WIDTH)
async def gather_1000(iterations):
    """gather of 1000 coroutines that return at once."""
    for _ in range(iterations):
        await asyncio.gather(*(nothing() for _ in range(WIDTH)))
