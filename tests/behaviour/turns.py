"""Turns of the loop, for tests of what happens a moment later, and what has come by then."""

import asyncio
import contextlib


async def settle():
    """Let a few turns pass, and what the kernel has to say arrive."""
    for _ in range(3):
        await asyncio.sleep(0.0005)


def arrived(sock):
    """All that a non-blocking socket has received by now."""
    data = b""
    with contextlib.suppress(BlockingIOError):
        while more := sock.recv(1_000_000):
            data += more
    return data
