"""`asyncio.run` and `asyncio.Runner` inside a run use the running loop and leave it as it was."""

import asyncio
import threading
import time
import warnings

import pytest

import ferrio


async def running_loop():
    await asyncio.sleep(0)
    return asyncio.get_running_loop()


def test_they_use_the_running_loop(nestable):
    async def main():
        assert asyncio.run(running_loop()) is nestable
        assert ferrio.run(running_loop()) is nestable
        with asyncio.Runner() as runner:
            assert runner.get_loop() is nestable
            assert runner.run(running_loop()) is nestable
        with pytest.raises(RuntimeError, match="^Runner is closed$"):
            runner.get_loop()
        assert asyncio.get_running_loop() is nestable

    nestable.run_until_complete(main())


def test_they_clean_up_only_their_own_task(nestable):
    async def numbers():
        for number in range(3):
            yield number

    async def leaves_a_task():
        return asyncio.ensure_future(asyncio.sleep(0.003, "left behind"))

    async def main():
        agen = numbers()
        assert await anext(agen) == 0
        job = nestable.run_in_executor(None, time.sleep, 0.002)
        task = asyncio.ensure_future(asyncio.sleep(0.002, "other"))
        left = asyncio.run(leaves_a_task())
        assert not task.done() and not task.cancelling() and not left.cancelling()
        assert await anext(agen) == 1
        await job
        assert await nestable.run_in_executor(None, threading.active_count) > 1
        await agen.aclose()
        return await task, await left

    assert nestable.run_until_complete(main()) == ("other", "left behind")


def test_a_run_that_is_left_early_ends_its_task(nestable):
    log = []

    async def inner():
        nestable.call_soon(nestable.stop)
        try:
            await asyncio.sleep(1000)
        finally:
            await asyncio.sleep(0)
            log.append("ended")

    async def main():
        with pytest.raises(RuntimeError, match="^Event loop stopped before Future completed.$"):
            asyncio.run(inner())
        assert log == ["ended"]

    nestable.run_until_complete(main())


def test_what_is_no_coroutine_is_refused_as_outside(nestable):
    def error(run):
        with pytest.raises((ValueError, TypeError)) as caught:
            run(3)
        return type(caught.value), str(caught.value)

    outside = error(asyncio.run)

    async def main():
        assert error(asyncio.run) == outside
        assert error(ferrio.run) == outside

    nestable.run_until_complete(main())


def test_outside_of_a_run_they_are_asyncios(nestable):
    # A new loop for each, closed at the end.
    first = asyncio.run(running_loop())
    assert first is not nestable and first.is_closed()
    with asyncio.Runner() as runner:
        own = runner.get_loop()
        assert runner.run(running_loop()) is own
    assert own.is_closed()
    asyncio.set_event_loop(None)


def test_a_runner_from_outside_keeps_its_loop(flavour):
    """Entered before the run: its own loop runs inside the run of the other one."""
    if flavour.name == "asyncio":
        pytest.skip("of ferrio's loop only")
    with ferrio.nested(), asyncio.Runner(loop_factory=flavour.new_event_loop) as runner:
        own = runner.get_loop()

        async def main():
            outer = asyncio.get_running_loop()
            assert runner.run(running_loop()) is own
            assert asyncio.get_running_loop() is outer

        with asyncio.Runner(loop_factory=flavour.new_event_loop) as other:
            other.run(main())


def test_nothing_is_said_on_the_way(nestable):
    async def main():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for _ in range(10):
                asyncio.run(running_loop())

    nestable.run_until_complete(main())
