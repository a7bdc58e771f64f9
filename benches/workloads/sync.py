"""Queue, Lock, Event."""

import asyncio

from .definition import core

CONTENDERS = 10


@core("queue.hand_off", "item")
async def queue_hand_off(iterations):
    """Producer and consumer with a Queue of one place: both wait again and again."""
    queue = asyncio.Queue(1)

    async def produce():
        for item in range(iterations):
            await queue.put(item)

    async def consume():
        for _ in range(iterations):
            await queue.get()

    await asyncio.gather(produce(), consume())


@core("lock.uncontended", "acquisition")
async def lock_uncontended(iterations):
    """async with a Lock that nobody else wants."""
    lock = asyncio.Lock()
    for _ in range(iterations):
        async with lock:
            pass


@core("lock.contended", "acquisition", operations=CONTENDERS)
async def lock_contended(iterations):
    """10 tasks that want the same Lock; each does sleep(0) while it holds it."""
    lock = asyncio.Lock()

    async def contend():
        for _ in range(iterations):
            async with lock:
                await asyncio.sleep(0)

    await asyncio.gather(*(contend() for _ in range(CONTENDERS)))


@core("event.ping_pong", "wake-up", operations=2)
async def event_ping_pong(iterations):
    """Two tasks that wake one another through two Events."""
    events = [asyncio.Event(), asyncio.Event()]

    async def player(me):
        mine, theirs = events[me], events[1 - me]
        for _ in range(iterations):
            await mine.wait()
            mine.clear()
            theirs.set()

    events[0].set()
    await asyncio.gather(player(0), player(1))
