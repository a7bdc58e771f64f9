"""Queue, Lock, Semaphore, Event, Condition."""

import asyncio

from .definition import core

CONTENDERS = 10
PLACES = 100


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


@core("queue.producer_consumers", "item", operations=CONTENDERS)
async def queue_producer_consumers(iterations):
    """A producer and 10 consumers with a Queue of 100 places."""
    queue = asyncio.Queue(PLACES)

    async def produce():
        for item in range(iterations * CONTENDERS):
            await queue.put(item)

    async def consume():
        for _ in range(iterations):
            await queue.get()

    await asyncio.gather(produce(), *(consume() for _ in range(CONTENDERS)))


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
    await contend(asyncio.Lock(), iterations)


@core("semaphore", "acquisition", operations=CONTENDERS)
async def semaphore(iterations):
    """10 tasks at a Semaphore of 3; each does sleep(0) while it holds it."""
    await contend(asyncio.Semaphore(3), iterations)


async def contend(lock, iterations):
    """10 tasks that take it `iterations` times each."""

    async def contender():
        for _ in range(iterations):
            async with lock:
                await asyncio.sleep(0)

    await asyncio.gather(*(contender() for _ in range(CONTENDERS)))


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


@core("condition.ping_pong", "wake-up", operations=2)
async def condition_ping_pong(iterations):
    """Two tasks that take turns with one Condition."""
    condition = asyncio.Condition()
    turn = 0

    async def player(me):
        nonlocal turn
        for _ in range(iterations):
            async with condition:
                while turn != me:
                    await condition.wait()
                turn = 1 - me
                condition.notify()

    await asyncio.gather(player(0), player(1))
