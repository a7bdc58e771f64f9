"""Locks and queues: asyncio's classes with native data and methods.

Each is a real subclass of asyncio's, so `isinstance` and `issubclass` hold for everybody, and what is not native (``__repr__``,
``Queue[int]``) is asyncio's own.
"""

import asyncio
import functools

from . import _ferrio

__all__ = (
    "Barrier",
    "BoundedSemaphore",
    "Condition",
    "Event",
    "LifoQueue",
    "Lock",
    "PriorityQueue",
    "Queue",
    "Semaphore",
)


class Lock(_ferrio._Lock, asyncio.Lock):
    __slots__ = ()
    __doc__ = asyncio.Lock.__doc__


class Event(_ferrio._Event, asyncio.Event):
    __slots__ = ()
    __doc__ = asyncio.Event.__doc__


class Condition(_ferrio._Condition, asyncio.Condition):
    __slots__ = ()
    __doc__ = asyncio.Condition.__doc__


class Semaphore(_ferrio._Semaphore, asyncio.Semaphore):
    __slots__ = ()
    __doc__ = asyncio.Semaphore.__doc__


class BoundedSemaphore(_ferrio._BoundedSemaphore, Semaphore, asyncio.BoundedSemaphore):
    __slots__ = ()
    __doc__ = asyncio.BoundedSemaphore.__doc__


class Barrier(asyncio.Barrier):
    # asyncio's own code; the waiting is that of a native condition.
    __slots__ = ()
    __doc__ = asyncio.Barrier.__doc__

    @functools.wraps(asyncio.Barrier.__init__)
    def __init__(self, parties):
        super().__init__(parties)
        self._cond = Condition()


class Queue(_ferrio._Queue, asyncio.Queue):
    __slots__ = ()
    __doc__ = asyncio.Queue.__doc__


class PriorityQueue(_ferrio._PriorityQueue, Queue, asyncio.PriorityQueue):
    __slots__ = ()
    __doc__ = asyncio.PriorityQueue.__doc__


class LifoQueue(_ferrio._LifoQueue, Queue, asyncio.LifoQueue):
    __slots__ = ()
    __doc__ = asyncio.LifoQueue.__doc__


for _name in __all__:
    globals()[_name].__module__ = "ferrio"
