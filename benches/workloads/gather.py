"""gather, wait, as_completed, TaskGroup: 1000 at a time."""

import asyncio
import sys

from .definition import core, nothing

WIDTH = 1000


async def pause():
    """A coroutine that gives way once."""
    await asyncio.sleep(0)


@core("gather.x1000", "coroutine", operations=WIDTH)
async def gather_1000(iterations):
    """gather of 1000 coroutines that return at once."""
    for _ in range(iterations):
        await asyncio.gather(*(nothing() for _ in range(WIDTH)))


@core("gather.sleep0.x1000", "coroutine", operations=WIDTH)
async def gather_sleep0_1000(iterations):
    """gather of 1000 sleep(0)."""
    for _ in range(iterations):
        await asyncio.gather(*(asyncio.sleep(0) for _ in range(WIDTH)))


@core("wait.x1000", "task", operations=WIDTH)
async def wait_1000(iterations):
    """wait for 1000 tasks that do sleep(0)."""
    for _ in range(iterations):
        await asyncio.wait([asyncio.create_task(pause()) for _ in range(WIDTH)])


@core("as_completed.x1000", "task", operations=WIDTH)
async def as_completed_1000(iterations):
    """as_completed of 1000 tasks that do sleep(0)."""
    for _ in range(iterations):
        for future in asyncio.as_completed([asyncio.create_task(pause()) for _ in range(WIDTH)]):
            await future


@core("task_group.x1000", "task", operations=WIDTH)
async def task_group_1000(iterations):
    """A TaskGroup of 1000 tasks that return at once."""
    for _ in range(iterations):
        async with asyncio.TaskGroup() as tasks:
            for _ in range(WIDTH):
                tasks.create_task(nothing())


if sys.version_info >= (3, 12):

    @core("gather.eager.x1000", "coroutine", operations=WIDTH)
    async def gather_eager_1000(iterations):
        """gather of 1000 coroutines that return at once, with the eager task factory."""
        loop = asyncio.get_running_loop()
        loop.set_task_factory(asyncio.eager_task_factory)
        try:
            for _ in range(iterations):
                await asyncio.gather(*(nothing() for _ in range(WIDTH)))
        finally:
            loop.set_task_factory(None)
