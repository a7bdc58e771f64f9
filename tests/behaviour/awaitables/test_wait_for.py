"""`wait_for` gives the result in time, or cancels what it awaits and raises TimeoutError."""

import asyncio

import pytest


async def value(result):
    await asyncio.sleep(0)
    return result


async def fail():
    raise LookupError


async def forever():
    await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize("timeout", [1000, 0.5, None])
def test_in_time(run, lib, timeout):
    async def main():
        future = asyncio.get_running_loop().create_future()
        future.set_result(1)
        assert await lib.wait_for(future, timeout) == 1
        assert await lib.wait_for(value(2), timeout) == 2
        assert await lib.wait_for(asyncio.create_task(value(3)), timeout=timeout) == 3
        assert await lib.wait_for(lib.sleep(0, 4), timeout) == 4
        with pytest.raises(LookupError):
            await lib.wait_for(fail(), timeout)

    run(main())


@pytest.mark.parametrize("timeout", [0.01, 0, -1])
def test_too_late(run, lib, timeout):
    async def main():
        task = asyncio.create_task(forever())
        with pytest.raises(TimeoutError) as caught:
            await lib.wait_for(task, timeout)
        assert isinstance(caught.value.__cause__, asyncio.CancelledError)
        assert task.cancelled()
        with pytest.raises(TimeoutError):
            await lib.wait_for(forever(), timeout)
        assert asyncio.current_task().cancelling() == 0

    run(main())


def test_without_time_a_coroutine_does_not_begin(run, lib):
    async def main():
        begun = []

        async def begin():
            begun.append(1)

        with pytest.raises(TimeoutError):
            await lib.wait_for(begin(), 0)
        assert begun == []
        done = asyncio.create_task(value(1))
        await done
        assert await lib.wait_for(done, 0) == 1

    run(main())


def test_cancelled_it_cancels_what_it_awaits(run, lib):
    async def main():
        inner = asyncio.create_task(forever())
        outer = asyncio.create_task(lib.wait_for(inner, 1000))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        outer.cancel("enough")
        with pytest.raises(asyncio.CancelledError):
            await outer
        assert inner.cancelled()

    run(main())


def test_one_that_suppresses_its_cancellation(run, lib):
    async def stubborn():
        try:
            await forever()
        except asyncio.CancelledError:
            return "stayed"

    async def main():
        assert await lib.wait_for(stubborn(), 0.01) == "stayed"

    run(main())


def test_one_that_takes_time_to_end(run, lib):
    async def slow():
        try:
            await forever()
        finally:
            await asyncio.sleep(0.01)
            ended.append(1)

    ended = []

    async def main():
        with pytest.raises(TimeoutError):
            await lib.wait_for(slow(), 0.01)
        assert ended == [1]

    run(main())


def test_what_cannot_be_awaited(run, lib):
    async def main():
        with pytest.raises(TypeError):
            await lib.wait_for(1, 1000)
        with pytest.raises(TypeError):
            await lib.wait_for(1, 0)
        coroutine = value(1)
        with pytest.raises(TypeError):
            await lib.wait_for(coroutine, "1")
        coroutine.close()

    run(main())


def test_an_awaitable_that_is_driven_from_python(run, lib):
    class Awaitable:
        def __await__(self):
            seen.append((yield))
            try:
                yield from asyncio.sleep(1000).__await__()
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise

    seen = []

    async def main():
        with pytest.raises(TimeoutError):
            await lib.wait_for(Awaitable(), 0.01)
        assert seen == [None, "cancelled"]

    run(main())


def test_closed_in_the_middle_it_closes_what_it_awaits(loop, lib):
    closed = []

    async def inner():
        try:
            await forever()
        except GeneratorExit:
            closed.append(1)
            raise

    async def main():
        coroutine = lib.wait_for(inner(), 1000)

        async def drive():
            future = coroutine.send(None)
            future._asyncio_future_blocking = False

        await drive()
        coroutine.close()
        assert closed == [1]

    if "timeouts" not in lib.wait_for.__code__.co_names:
        pytest.skip("that of 3.11 awaits a task of its own")
    loop.run_until_complete(main())
