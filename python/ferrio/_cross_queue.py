"""What a `CrossQueue` raises when it is shut down: asyncio's class, which CPython has from 3.13 on, or one in its place."""

import asyncio

__all__ = ("QueueShutDown",)

try:
    QueueShutDown = asyncio.QueueShutDown
except AttributeError:

    class QueueShutDown(Exception):
        """Raised when putting on to or getting from a shut-down queue."""

        __module__ = "ferrio"
