"""cancel, uncancel, cancelling, messages: who is interrupted, when, and what each question says."""

import asyncio

import pytest


async def forever():
    await asyncio.get_running_loop().create_future()


async def settle(turns=3):
    for _ in range(turns):
        await asyncio.sleep(0)


def test_cancel_interrupts_an_await(run):
    async def main():
        task = asyncio.create_task(forever())
        await settle()
        assert task.cancel() is True
        assert not task.cancelled()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled() and task.done()
        assert task.cancel() is False

    run(main())


def test_cancel_before_the_first_step_never_starts_the_body(run):
    started = []

    async def work():
        started.append(True)

    async def main():
        task = asyncio.create_task(work())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())
    assert started == []


def test_cancel_reaches_the_future_it_waits_for(run):
    async def wait(future):
        await future

    async def main():
        future = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(wait(future))
        await settle()
        task.cancel()
        assert future.cancelled()
        await asyncio.wait([task])
        assert task.cancelled()

    run(main())


def test_cancel_goes_down_a_chain_of_tasks(run):
    async def wait(task):
        await task

    async def main():
        inner = asyncio.create_task(forever())
        middle = asyncio.create_task(wait(inner))
        outer = asyncio.create_task(wait(middle))
        await settle()
        outer.cancel()
        await asyncio.wait([outer])
        assert inner.cancelled() and middle.cancelled() and outer.cancelled()

    run(main())


def test_a_cancel_can_be_caught_and_survived(run):
    async def stubborn():
        try:
            await forever()
        except asyncio.CancelledError:
            return "stayed"

    async def main():
        task = asyncio.create_task(stubborn())
        await settle()
        task.cancel()
        assert await task == "stayed"
        assert not task.cancelled()
        assert task.cancelling() == 1

    run(main())


def test_finally_can_await_while_being_cancelled(run):
    seen = []

    async def work():
        try:
            await forever()
        finally:
            await asyncio.sleep(0.001)
            seen.append("cleaned up")

    async def main():
        task = asyncio.create_task(work())
        await settle()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    run(main())
    assert seen == ["cleaned up"]


def test_two_cancels_before_it_runs_are_one_interruption(run):
    seen = []

    async def work():
        for _ in range(2):
            try:
                await asyncio.sleep(0.001)
                seen.append("slept")
            except asyncio.CancelledError:
                seen.append("interrupted")

    async def main():
        task = asyncio.create_task(work())
        await settle()
        task.cancel()
        task.cancel()
        await task
        assert task.cancelling() == 2

    run(main())
    assert seen == ["interrupted", "slept"]


def test_cancelling_counts_and_uncancel_counts_down(run):
    async def main():
        task = asyncio.create_task(forever())
        await settle()
        assert task.cancelling() == 0
        assert task.uncancel() == 0
        task.cancel()
        assert task.cancelling() == 1
        task.cancel()
        assert task.cancelling() == 2
        assert task.uncancel() == 1
        assert task.uncancel() == 0
        assert task.uncancel() == 0
        await asyncio.wait([task])

    run(main())


def test_structured_timeout_and_outer_cancel_are_told_apart(run):
    async def work():
        try:
            async with asyncio.timeout(0.001):
                await forever()
        except TimeoutError:
            return asyncio.current_task().cancelling()

    async def main():
        assert await asyncio.create_task(work()) == 0

    run(main())


@pytest.mark.parametrize("message", [None, "why", 42, {"code": 1}])
def test_the_message_reaches_the_coroutine_and_the_waiter(run, message):
    seen = []
    args = () if message is None else (message,)

    async def work():
        try:
            await asyncio.sleep(10_000)
        except asyncio.CancelledError as error:
            seen.append(error.args)
            raise

    async def main():
        task = asyncio.create_task(work())
        await settle()
        task.cancel(msg=message)
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        seen.append(caught.value.args)

    run(main())
    assert seen == [args, args]


def test_the_message_reaches_a_task_that_never_started(run):
    async def main():
        task = asyncio.create_task(forever())
        task.cancel("early")
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        assert caught.value.args == ("early",)
        with pytest.raises(asyncio.CancelledError):
            task.result()
        with pytest.raises(asyncio.CancelledError):
            task.exception()

    run(main())


def test_the_latest_message_wins(run):
    async def main():
        task = asyncio.create_task(forever())
        await settle()
        task.cancel("first")
        task.cancel("second")
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        # The future that is waited for took the first; the second found it cancelled and waits for
        # the next step.
        assert caught.value.args in {("first",), ("second",)}
        return caught.value.args

    def stock_answer():
        with asyncio.Runner() as runner:
            return runner.run(main())

    assert run(main()) == stock_answer()


def test_a_task_that_cancels_itself(run):
    seen = []

    async def work():
        asyncio.current_task().cancel()
        seen.append("still running")
        await asyncio.sleep(0)
        seen.append("never")

    async def main():
        task = asyncio.create_task(work())
        await asyncio.wait([task])
        assert task.cancelled()

    run(main())
    assert seen == ["still running"]


def test_a_self_cancel_with_no_more_await_ends_as_in_stock(run):
    """The cancel finds no await to interrupt: the running version decides what the task ends as."""

    async def work():
        asyncio.current_task().cancel()
        return 5

    async def main():
        task = asyncio.create_task(work())
        await asyncio.wait([task])
        return task.cancelled()

    def stock_answer():
        with asyncio.Runner() as runner:
            return runner.run(main())

    assert run(main()) == stock_answer()


def test_raising_cancelled_error_by_hand_cancels_the_task(run):
    async def work():
        raise asyncio.CancelledError("by hand")

    async def main():
        task = asyncio.create_task(work())
        with pytest.raises(asyncio.CancelledError, match="by hand"):
            await task
        assert task.cancelled()

    run(main())


def test_cancel_of_a_woken_task_is_not_lost(run):
    """The future is done, the wake-up is queued, and then comes the cancel."""
    seen = []

    async def work(future):
        await future
        seen.append("result arrived first")
        await asyncio.sleep(0)
        seen.append("never")

    async def main():
        future = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(work(future))
        await settle()
        future.set_result(1)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    run(main())
    assert seen == []


def test_an_exception_during_cancellation_is_the_outcome(run):
    async def work():
        try:
            await forever()
        except asyncio.CancelledError:
            raise KeyError("cleanup failed")

    async def main():
        task = asyncio.create_task(work())
        await settle()
        task.cancel()
        with pytest.raises(KeyError):
            await task
        assert isinstance(task.exception().__context__, asyncio.CancelledError)

    run(main())


def test_awaiting_a_cancelled_task_does_not_cancel_the_waiter(run):
    async def main():
        task = asyncio.create_task(forever())
        await settle()
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass
        assert asyncio.current_task().cancelling() == 0
        return "waiter lives"

    assert run(main()) == "waiter lives"


def test_cancel_all_tasks_at_the_end_of_run(run):
    seen = []
    tasks = []  # else the collector may come first

    async def background():
        try:
            await forever()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def main():
        tasks.extend(asyncio.create_task(background()) for _ in range(10))
        await settle()

    run(main())
    assert seen == ["cancelled"] * 10


def test_must_cancel_is_visible_to_libraries(run):
    async def main():
        task = asyncio.create_task(forever())
        assert task._must_cancel is False
        task.cancel()
        assert task._must_cancel is True
        await asyncio.wait([task])

    run(main())


def test_fut_waiter_is_visible_to_libraries(run):
    async def wait(future):
        await future

    async def main():
        future = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(wait(future))
        assert task._fut_waiter is None
        await settle()
        assert task._fut_waiter is future
        future.set_result(None)
        await task
        assert task._fut_waiter is None

    run(main())


def test_a_gather_is_cancelled_as_a_whole(run):
    async def main():
        children = [asyncio.create_task(forever()) for _ in range(5)]
        group = asyncio.gather(*children)
        await settle()
        group.cancel()
        with pytest.raises(asyncio.CancelledError):
            await group
        assert all(child.cancelled() for child in children)

    run(main())


def test_shield_keeps_the_inner_task_alive(run):
    async def main():
        gate = asyncio.get_running_loop().create_future()

        async def inner():
            return await gate

        task = asyncio.create_task(inner())

        async def outer():
            return await asyncio.shield(task)

        waiter = asyncio.create_task(outer())
        await settle()
        waiter.cancel()
        await asyncio.wait([waiter])
        assert waiter.cancelled() and not task.done()
        gate.set_result("inner went on")
        return await task

    assert run(main()) == "inner went on"
