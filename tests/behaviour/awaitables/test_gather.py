"""`gather` gives results in the order of its arguments, or the first error, and is cancelled through its
children."""

import asyncio
import gc
import weakref

import pytest


async def value(result, turns=0):
    for _ in range(turns):
        await asyncio.sleep(0)
    return result


async def fail(text, turns=0):
    await value(None, turns)
    raise LookupError(text)


def test_results_stand_in_the_order_of_the_arguments(run, lib):
    async def main():
        assert await lib.gather(value(1, 3), value(2), lib.sleep(0.001, 3)) == [1, 2, 3]
        assert await lib.gather() == []
        assert await lib.gather(value(1)) == [1]

    run(main())


def test_coroutines_start_in_order_and_futures_are_taken_as_they_are(run, lib):
    async def main():
        loop = asyncio.get_running_loop()
        started = []

        async def note(number):
            started.append(number)
            return number

        future = loop.create_future()
        loop.call_soon(future.set_result, "future")
        task = asyncio.create_task(note(0))
        assert await lib.gather(note(1), future, task, note(2)) == [1, "future", 0, 2]
        assert started == [0, 1, 2]

    run(main())


def test_the_same_awaitable_twice_runs_once(run, lib):
    async def main():
        coroutine, runs = value(1), []

        async def once():
            runs.append(1)
            return len(runs)

        again = once()
        assert await lib.gather(coroutine, again, coroutine, again) == [1, 1, 1, 1]
        task = asyncio.create_task(fail("twice"))
        first, second = await lib.gather(task, task, return_exceptions=True)
        assert first is second

    run(main())


def test_the_first_error_comes_at_once_and_the_others_run_on(run, lib):
    async def main():
        slow = asyncio.create_task(value("slow", 10))
        with pytest.raises(LookupError, match="first"):
            await lib.gather(slow, fail("second", 3), fail("first", 1))
        assert not slow.done()
        assert await slow == "slow"

    run(main())


def test_errors_that_come_later_are_not_reported(loop, lib, reported):
    loop.set_exception_handler(reported)

    async def main():
        with pytest.raises(LookupError):
            await lib.gather(fail("a"), fail("b"), fail("c", 2), value(1))
        for _ in range(5):
            await asyncio.sleep(0)
        await lib.gather(fail("a"), fail("b"), return_exceptions=True)
        gc.collect()

    loop.run_until_complete(main())
    gc.collect()
    assert reported == []


def test_an_error_that_nobody_looks_at_is(loop, lib, reported):
    loop.set_exception_handler(reported)

    async def main():
        gathering = lib.gather(fail("a"))
        await asyncio.sleep(0.001)
        assert gathering.done()

    loop.run_until_complete(main())
    gc.collect()
    assert reported.messages == ["_GatheringFuture exception was never retrieved"]


def test_errors_as_results(run, lib):
    async def main():
        task = asyncio.create_task(asyncio.sleep(1000))
        asyncio.get_running_loop().call_soon(task.cancel)
        one, two, three = await lib.gather(
            value(1), fail("two"), task, return_exceptions=True
        )
        assert one == 1 and two.args == ("two",)
        assert type(three) is asyncio.CancelledError and three.args == ("",)

    run(main())


def test_a_cancelled_child_is_an_error(run, lib):
    async def main():
        child = asyncio.create_task(asyncio.sleep(1000))
        other = asyncio.create_task(asyncio.sleep(1000))
        gathering = lib.gather(child, other)
        await asyncio.sleep(0)
        child.cancel("mine")
        with pytest.raises(asyncio.CancelledError) as caught:
            await gathering
        assert caught.value.args == ("mine",)
        assert not gathering.cancelled() and not other.done()
        other.cancel()

    run(main())


@pytest.mark.parametrize("return_exceptions", [False, True])
def test_cancelling_it_cancels_the_children(run, lib, return_exceptions):
    async def main():
        children = [asyncio.create_task(asyncio.sleep(1000)) for _ in range(3)]
        gathering = lib.gather(*children, return_exceptions=return_exceptions)
        await asyncio.sleep(0)
        assert gathering.cancel("enough")
        assert not gathering.done()
        with pytest.raises(asyncio.CancelledError) as caught:
            await gathering
        assert caught.value.args == ("enough",)
        await asyncio.sleep(0)
        assert all(child.cancelled() for child in children)
        assert not gathering.cancelled()
        assert not gathering.cancel()

    run(main())


def test_cancelling_whoever_awaits_it_reaches_the_children(run, lib):
    async def main():
        child = asyncio.create_task(asyncio.sleep(1000))

        async def waits():
            await lib.gather(child, value(1))

        task = asyncio.create_task(waits())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert child.cancelled() and task.cancelled()

    run(main())


def test_a_child_that_does_not_let_itself_be_cancelled(run, lib):
    async def stubborn():
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            return "stayed"

    async def main():
        gathering = lib.gather(stubborn(), value(1))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gathering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gathering

    run(main())


def test_when_all_is_done_it_cannot_be_cancelled(run, lib):
    async def main():
        gathering = lib.gather(value(1))
        while not gathering._children[0].done():
            await asyncio.sleep(0)
        assert not gathering.cancel()
        assert await gathering == [1]

    run(main())


def test_children_of_all_kinds(run, lib, flavour):
    class Awaitable:
        def __await__(self):
            yield
            return "awaitable"

    class Derived(flavour.Future):
        pass

    async def main():
        loop = asyncio.get_running_loop()
        derived, stock = Derived(loop=loop), asyncio.Future(loop=loop)
        loop.call_soon(derived.set_result, "derived")
        loop.call_soon(stock.set_result, "stock")
        results = await lib.gather(Awaitable(), derived, stock, value("coroutine"))
        assert results == ["awaitable", "derived", "stock", "coroutine"]
        assert await lib.gather(lib.gather(value(1)), lib.gather(value(2), value(3))) == [[1], [2, 3]]

    run(main())


def test_with_a_task_factory(loop, lib):
    made = []

    def factory(loop, coroutine, **options):
        made.append(coroutine)
        return asyncio.Task(coroutine, loop=loop, **options)

    loop.set_task_factory(factory)
    assert loop.run_until_complete(_gathered(lib, value(1), value(2))) == [1, 2]
    assert len(made) == 3


async def _gathered(lib, *awaitables, **options):
    return await lib.gather(*awaitables, **options)


def test_what_cannot_be_awaited_is_refused(run, lib):
    async def main():
        with pytest.raises(TypeError, match="An asyncio.Future, a coroutine or an awaitable is"):
            lib.gather(1)
        with pytest.raises(TypeError, match="unexpected keyword argument 'loop'"):
            lib.gather(loop=None)

    run(main())


def test_futures_of_another_loop_are_refused(run, lib, loop_factory):
    other = loop_factory()

    async def main():
        mine = asyncio.get_running_loop().create_future()
        with pytest.raises(ValueError, match="The future belongs to a different loop"):
            lib.gather(mine, other.create_future())

    run(main())
    other.close()


def test_without_a_running_loop(loop, lib):
    one, two = loop.create_future(), loop.create_future()
    gathering = lib.gather(one, two)
    one.set_result(1)
    two.set_result(2)
    assert loop.run_until_complete(gathering) == [1, 2]


def test_it_looks_like_asyncios(run, lib):
    async def main():
        gathering = lib.gather(value(1))
        assert isinstance(gathering, asyncio.Future)
        assert isinstance(gathering, asyncio.tasks._GatheringFuture)
        assert asyncio.isfuture(gathering)
        assert repr(gathering) == "<_GatheringFuture pending>"
        assert gathering.get_loop() is asyncio.get_running_loop()
        assert gathering._cancel_requested is False
        assert len(gathering._children) == 1
        await gathering
        assert repr(gathering) == "<_GatheringFuture finished result=[1]>"

    run(main())


@pytest.mark.debug_off
def test_an_abandoned_one_is_collected(loop, lib):
    async def main():
        future = loop.create_future()
        gathering = lib.gather(future, loop.create_future())
        gathering.mark = future
        alive = weakref.ref(gathering), weakref.ref(future)
        del gathering, future
        gc.collect()
        return [reference() for reference in alive]

    assert loop.run_until_complete(main()) == [None, None]


def test_order_of_events_beside_other_callbacks(run, lib):
    """Who waits for the gathering is woken in the turn in which asyncio would do it."""

    async def main():
        loop = asyncio.get_running_loop()
        turns, done = [], []

        def count():
            turns.append(len(done))
            if len(turns) < 6:
                loop.call_soon(count)

        future = loop.create_future()

        async def waits():
            await lib.gather(future, value(1))
            done.append("gathered")

        task = asyncio.create_task(waits())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        loop.call_soon(count)
        future.set_result(None)
        await task
        while len(turns) < 6:
            await asyncio.sleep(0)
        assert turns == [0, 0, 1, 1, 1, 1]

    run(main())


def test_children_that_are_equal_and_not_the_same(run, lib):
    """As in asyncio, equal awaitables count as one child; two coroutines never are equal."""

    class Same(asyncio.Future):
        def __eq__(self, other):
            return isinstance(other, Same)

        def __hash__(self):
            return 1

    async def main():
        first, second = Same(), Same()
        first.set_result("first")
        second.set_result("second")
        coroutine = value(3)
        return await lib.gather(first, second, coroutine, value(4), coroutine)

    assert run(main()) == ["first", "first", 3, 4, 3]
