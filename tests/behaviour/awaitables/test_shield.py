"""`shield` lets whoever awaits be cancelled without what is awaited."""

import asyncio
import gc
import weakref

import pytest


async def value(result, turns=0):
    for _ in range(turns):
        await asyncio.sleep(0)
    return result


async def fail(turns=0):
    await value(None, turns)
    raise LookupError


def test_results_and_errors_pass(run, lib):
    async def main():
        assert await lib.shield(value(1)) == 1
        assert await lib.shield(asyncio.create_task(value(2, 3))) == 2
        assert await lib.shield(lib.sleep(0.001, 3)) == 3
        assert await lib.shield(lib.gather(value(4))) == [4]
        with pytest.raises(LookupError):
            await lib.shield(fail(2))

    run(main())


def test_one_that_is_done_is_given_back(run, lib):
    async def main():
        future = asyncio.get_running_loop().create_future()
        future.set_result(1)
        assert lib.shield(future) is future

    run(main())


def test_the_inner_one_runs_on(run, lib):
    async def main():
        inner = asyncio.create_task(value("inner", 10))
        outer = asyncio.create_task(_awaiting(lib.shield(inner)))
        await asyncio.sleep(0)
        outer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await outer
        assert not inner.done()
        assert await inner == "inner"

    run(main())


async def _awaiting(awaitable):
    return await awaitable


def test_cancelling_the_inner_one_cancels_the_outer(run, lib):
    async def main():
        inner = asyncio.get_running_loop().create_future()
        outer = lib.shield(inner)
        inner.cancel()
        with pytest.raises(asyncio.CancelledError):
            await outer
        assert outer.cancelled()

    run(main())


def test_after_the_outer_one_is_cancelled_nothing_is_left_on_the_inner(run, lib):
    async def main():
        inner = asyncio.get_running_loop().create_future()
        outer = lib.shield(inner)
        assert inner._callbacks
        outer.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not inner._callbacks
        inner.set_result(1)

    run(main())


def test_both_in_the_same_turn(run, lib):
    async def main():
        inner = asyncio.get_running_loop().create_future()
        outer = lib.shield(inner)
        inner.set_result(1)
        outer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await outer
        assert inner.result() == 1

    run(main())


def test_futures_of_other_kinds(run, lib, flavour):
    class Derived(flavour.Future):
        pass

    async def main():
        loop = asyncio.get_running_loop()
        for future in (Derived(loop=loop), asyncio.Future(loop=loop)):
            loop.call_soon(future.set_result, 1)
            assert await lib.shield(future) == 1
        with pytest.raises(TypeError):
            lib.shield(1)

    run(main())


def test_with_a_task_factory(loop, lib):
    def factory(loop, coroutine, **options):
        return asyncio.Task(coroutine, loop=loop, **options)

    async def main():
        assert await lib.shield(value(1, 2)) == 1

    loop.set_task_factory(factory)
    loop.run_until_complete(main())


def test_without_a_running_loop(loop, lib):
    future = loop.create_future()
    outer = lib.shield(future)
    loop.call_soon(future.set_result, 1)
    assert loop.run_until_complete(outer) == 1


@pytest.mark.debug_off
def test_an_abandoned_one_is_collected(loop, lib):
    async def main():
        inner = loop.create_future()
        outer = lib.shield(inner)
        alive = weakref.ref(inner), weakref.ref(outer)
        del inner, outer
        gc.collect()
        return [reference() for reference in alive]

    assert loop.run_until_complete(main()) == [None, None]
