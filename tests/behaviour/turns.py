"""Turns of the loop, for tests of what happens a moment later."""

import asyncio


async def settle():
    """Let a few turns pass, and what the kernel has to say arrive."""
    for _ in range(3):
        await asyncio.sleep(0.0005)
