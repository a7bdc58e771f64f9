"""`as_completed` gives its awaitables in the order in which they are done."""

import asyncio
import sys

import pytest

both_protocols = pytest.mark.skipif(
    sys.version_info < (3, 13), reason="asynchronous iteration is new in 3.13"
)


async def value(result, turns=0):
    for _ in range(turns):
        await asyncio.sleep(0)
    return result


async def fail(turns=0):
    await value(None, turns)
    raise LookupError


async def forever():
    await asyncio.get_running_loop().create_future()


def test_results_come_as_they_are_done(run, lib):
    async def main():
        for collect in (list, tuple, set, iter):
            given = collect([value(turns, turns) for turns in (9, 3, 6, 0)])
            assert [await one for one in lib.as_completed(given)] == [0, 3, 6, 9]
        assert list(lib.as_completed([])) == []

    run(main())


def test_asked_for_in_any_order(run, lib):
    async def main():
        ones = list(lib.as_completed([value(1, 3), value(2), lib.sleep(0, 3)]))
        assert sorted(await asyncio.gather(*reversed(ones))) == [1, 2, 3]

    run(main())


def test_an_error_comes_out_of_the_one(run, lib):
    async def main():
        first, second = lib.as_completed([fail(), value(1, 3)])
        with pytest.raises(LookupError):
            await first
        assert await second == 1

    run(main())


def test_the_same_twice_is_one(run, lib):
    async def main():
        task = asyncio.create_task(value(1))
        assert [await one for one in lib.as_completed([task, task])] == [1]

    run(main())


@both_protocols
def test_futures_themselves_come_in_asynchronous_iteration(run, lib):
    async def main():
        tasks = [asyncio.create_task(value(turns, turns)) for turns in (5, 1, 3)]
        seen = [task async for task in lib.as_completed(tasks)]
        assert seen == [tasks[1], tasks[2], tasks[0]]
        results = [await task async for task in lib.as_completed([value(1), value(2, 2)])]
        assert results == [1, 2]
        async for task in lib.as_completed([fail()]):
            with pytest.raises(LookupError):
                task.result()

    run(main())


def test_the_timeout_ends_those_that_are_left(run, lib):
    async def main():
        never = asyncio.create_task(forever())
        first, second = lib.as_completed([value(1), never], timeout=0.01)
        assert await first == 1
        with pytest.raises(TimeoutError):
            await second
        assert not never.done()
        never.cancel()

    run(main())


def test_in_time_there_is_no_timer_left(run, lib):
    async def main():
        for one in lib.as_completed([value(1), value(2)], timeout=1000):
            await one

    run(main())


@both_protocols
def test_the_timeout_in_asynchronous_iteration(run, lib):
    async def main():
        seen = []
        with pytest.raises(TimeoutError):
            async for task in lib.as_completed([value(1), forever()], timeout=0.01):
                seen.append(await task)
        assert seen == [1]

    run(main())


def test_a_cancelled_wait_leaves_its_one_to_the_next(run, lib):
    async def main():
        future = asyncio.get_running_loop().create_future()
        first, second = lib.as_completed([future, value(1, 6)])
        waiting = asyncio.create_task(first)
        other = asyncio.create_task(second)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await other == 1

    run(main())


def test_cancelled_when_it_has_been_woken(run, lib):
    async def main():
        future = asyncio.get_running_loop().create_future()
        ones = list(lib.as_completed([future, value("later", 9)]))
        waiting = [asyncio.create_task(one) for one in ones]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        future.set_result("now")
        await asyncio.sleep(0)
        waiting[0].cancel()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(results[0], asyncio.CancelledError)
        assert results[1] == "now"

    run(main())


def test_mistakes(run, lib):
    async def main():
        with pytest.raises(TypeError):
            list(lib.as_completed(asyncio.get_running_loop().create_future()))
        with pytest.raises(TypeError):
            list(lib.as_completed(1))
        with pytest.raises(TypeError):
            list(lib.as_completed([1]))
        coroutine = value(1)
        with pytest.raises(TypeError):
            list(lib.as_completed(coroutine))
        coroutine.close()

    run(main())


def test_with_futures_of_other_kinds(run, lib, flavour):
    class Derived(flavour.Future):
        pass

    async def main():
        loop = asyncio.get_running_loop()
        futures = [Derived(loop=loop), asyncio.Future(loop=loop)]
        for number, future in enumerate(futures):
            loop.call_soon(future.set_result, number)
        assert sorted([await one for one in lib.as_completed(futures)]) == [0, 1]

    run(main())


def test_with_a_task_factory(loop, lib):
    def factory(loop, coroutine, **options):
        return asyncio.Task(coroutine, loop=loop, **options)

    async def main():
        assert [await one for one in lib.as_completed([value(1, 2), value(2)])] == [2, 1]

    loop.set_task_factory(factory)
    loop.run_until_complete(main())
