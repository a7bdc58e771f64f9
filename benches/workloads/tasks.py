"""Making tasks and letting them take turns."""

import asyncio

from .definition import core, nothing

GROUP = 100


@core("task.create_await", "task")
async def create_await(iterations):
    """create_task of a coroutine that returns at once, then await it."""
    for _ in range(iterations):
        await asyncio.create_task(nothing())


@core("task.group", "task", operations=GROUP)
async def group(iterations):
    """A TaskGroup of 100 tasks that return at once."""
    for _ in range(iterations):
        async with asyncio.TaskGroup() as tasks:
            for _ in range(GROUP):
                tasks.create_task(nothing())


async def take_turns(tasks, iterations):
    """`tasks` tasks, each of which does sleep(0) `iterations` times."""

    async def sleeper():
        for _ in range(iterations):
            await asyncio.sleep(0)

    await asyncio.gather(*(sleeper() for _ in range(tasks)))


@core("sleep0.x2", "sleep", operations=2)
async def sleep0_2(iterations):
    """2 tasks that take turns by sleep(0)."""
    await take_turns(2, iterations)


@core("sleep0.x100", "sleep", operations=100)
async def sleep0_100(iterations):
    """100 tasks that take turns by sleep(0)."""
    await take_turns(100, iterations)
