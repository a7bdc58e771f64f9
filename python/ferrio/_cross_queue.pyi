import sys

__all__ = ("QueueShutDown",)

if sys.version_info >= (3, 13):
    from asyncio import QueueShutDown as QueueShutDown
else:
    class QueueShutDown(Exception): ...
