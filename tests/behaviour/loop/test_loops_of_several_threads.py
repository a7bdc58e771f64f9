"""Loops run in several threads at once; what one thread's loop leaves behind when it is closed is no other's."""

import asyncio
import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor


class Value:
    pass


async def _work(number, rounds):
    """A bit of everything that comes and goes by the million."""
    queue = asyncio.Queue(1)
    loop = asyncio.get_running_loop()

    async def produce():
        for item in range(rounds):
            await queue.put((number, item))

    async def give(value):
        await asyncio.sleep(0)
        return value

    async def consume():
        return [await queue.get() for _ in range(rounds)]

    _, items = await asyncio.gather(produce(), consume())
    assert items == [(number, item) for item in range(rounds)]
    for item in range(rounds):
        future = loop.create_future()
        loop.call_soon(future.set_result, (number, item))
        assert await future == (number, item)
        assert await loop.create_task(give((number, item))) == (number, item)
    return number


def _in_a_loop_of_its_own(loop_factory, coroutine):
    loop = loop_factory()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()


def test_they_come_and_go_while_others_run(loop_factory):
    with ThreadPoolExecutor(4) as threads:
        runs = [threads.submit(_in_a_loop_of_its_own, loop_factory, _work(number, 20 + number)) for number in range(40)]
        assert [run.result() for run in runs] == list(range(40))


def test_a_loop_closed_in_another_thread_takes_nothing_from_one_that_runs(loop_factory):
    async def main():
        loop = asyncio.get_running_loop()
        for number in range(20):
            await loop.run_in_executor(None, _in_a_loop_of_its_own, loop_factory, _work(number, 5))
            assert await _work("mine", 20) == "mine"

    _in_a_loop_of_its_own(loop_factory, main())


def test_what_an_awaitable_has_returned_dies_with_its_last_user_in_every_thread(loop_factory):
    """Native coroutines hand values over by way of one exception: it keeps none, whichever thread was the last."""
    barrier = threading.Barrier(3)

    async def give_and_take():
        queue = asyncio.Queue()
        alive = []
        for number in range(200):
            value = Value()
            alive.append(weakref.ref(value))
            if number % 50 == 0:
                await asyncio.get_running_loop().run_in_executor(None, barrier.wait)
            await queue.put(value)
            del value
            value = await queue.get()
            del value
            value = await asyncio.sleep(0, Value())
            alive.append(weakref.ref(value))
            del value
        return alive

    with ThreadPoolExecutor(3) as threads:
        runs = [threads.submit(_in_a_loop_of_its_own, loop_factory, give_and_take()) for _ in range(3)]
        alive = [ref for run in runs for ref in run.result()]
    gc.collect()
    assert len(alive) == 1200
    assert [ref() for ref in alive if ref() is not None] == []
