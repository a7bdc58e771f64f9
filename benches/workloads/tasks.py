"""Making tasks and letting them take turns."""

import asyncio
import contextlib

from .definition import core, nothing

AT_ONCE = 10_000


@core("task.create_await", "task")
async def create_await(iterations):
    """create_task of a coroutine that returns at once, then await it."""
    for _ in range(iterations):
        await asyncio.create_task(nothing())


@core("task.cancel", "task")
async def cancel(iterations):
    """A task that waits for a future is cancelled and awaited."""
    loop = asyncio.get_running_loop()

    async def wait():
        await loop.create_future()

    for _ in range(iterations):
        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass


@core(
    "task.memory", "task", form="memory", operations=AT_ONCE, summary="Memory of 10,000 tasks, each waiting for its own future."
)  # fmt: skip
@contextlib.asynccontextmanager
async def memory(count):
    loop = asyncio.get_running_loop()
    futures = [loop.create_future() for _ in range(count)]

    async def wait(future):
        await future

    tasks = [asyncio.create_task(wait(future)) for future in futures]
    await asyncio.sleep(0)
    yield
    for future in futures:
        future.set_result(None)
    await asyncio.gather(*tasks)


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
