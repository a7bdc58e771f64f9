"""`ferrio.run` and loop factories keep the result's type."""

import asyncio
import sys
from typing import assert_type

import ferrio


async def answer() -> int:
    await asyncio.sleep(0)
    return 42


async def own_names() -> None:
    loop = asyncio.get_running_loop()
    if isinstance(loop, ferrio.Loop):
        assert_type(loop, ferrio.Loop)
        loop.keep_tasks_alive = True
        assert_type(await loop.create_task(answer(), name="answer"), int)


async def between_loops() -> None:
    queue: ferrio.CrossQueue[int] = ferrio.CrossQueue(10)
    await queue.put(1)
    queue.put_nowait(2)
    assert_type(await queue.get(), int)
    assert_type(queue.get_nowait(), int)
    queue.shutdown()
    try:
        await queue.get()
    except ferrio.QueueShutDown:
        pass


def main() -> None:
    assert_type(ferrio.run(answer()), int)
    assert_type(ferrio.run(answer(), debug=True, loop_factory=ferrio.Loop), int)
    assert_type(ferrio.runners.run(answer(), debug=None), int)
    ferrio.run(own_names())
    ferrio.run(between_loops())

    with asyncio.Runner(loop_factory=ferrio.new_event_loop) as runner:
        assert_type(runner.run(answer()), int)
    if sys.version_info >= (3, 12):
        assert_type(asyncio.run(answer(), loop_factory=ferrio.new_event_loop), int)
        assert_type(asyncio.run(answer(), loop_factory=ferrio.Loop), int)

    loop = ferrio.new_event_loop()
    assert_type(loop, ferrio.Loop)
    assert_type(loop.run_until_complete(answer()), int)
    loop.close()

    ferrio.install()
    try:
        assert_type(asyncio.run(answer()), int)
    finally:
        ferrio.uninstall()

    if sys.version_info < (3, 14):
        policy = ferrio.EventLoopPolicy()
        assert_type(policy.new_event_loop(), ferrio.Loop)
        asyncio.set_event_loop_policy(policy)
        asyncio.set_event_loop_policy(None)
    assert_type(ferrio.__version__, str)


if __name__ == "__main__":
    main()
