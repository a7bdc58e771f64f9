"""`wait` says which futures are done and which are not, and leaves them alone."""

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


def tasks(*coroutines):
    return [asyncio.create_task(coroutine) for coroutine in coroutines]


def test_all_of_them(run, lib):
    async def main():
        all_of_them = tasks(value(1), value(2, 3), fail())
        for collection in (all_of_them, tuple(all_of_them), set(all_of_them), iter(all_of_them)):
            done, pending = await lib.wait(collection)
            assert done == set(all_of_them) and pending == set()
            assert type(done) is type(pending) is set
        with pytest.raises(LookupError):
            await all_of_them[2]

    run(main())


def test_the_first_one(run, lib):
    async def main():
        quick, slow = tasks(value(1), value(2, 10))
        done, pending = await lib.wait([quick, slow], return_when=asyncio.FIRST_COMPLETED)
        assert (done, pending) == ({quick}, {slow})
        await slow

    run(main())


def test_until_one_fails(run, lib):
    async def main():
        quick, bad, slow = tasks(value(1), fail(2), value(2, 20))
        cancelled = asyncio.create_task(asyncio.sleep(1000))
        asyncio.get_running_loop().call_soon(cancelled.cancel)
        members = [quick, bad, slow, cancelled]
        done, pending = await lib.wait(members, return_when=asyncio.FIRST_EXCEPTION)
        assert (done, pending) == ({quick, bad, cancelled}, {slow})
        with pytest.raises(LookupError):
            bad.result()
        await slow

    run(main())


def test_for_a_time(run, lib):
    async def main():
        quick, slow = tasks(value(1), asyncio.sleep(1000))
        done, pending = await lib.wait([quick, slow], timeout=0.01)
        assert (done, pending) == ({quick}, {slow})
        done, pending = await lib.wait([slow], timeout=0)
        assert (done, pending) == (set(), {slow})
        slow.cancel()
        done, pending = await lib.wait([slow], timeout=1000)
        assert (done, pending) == ({slow}, set())

    run(main())


def test_cancelled_it_leaves_them_alone(run, lib):
    async def main():
        future = asyncio.get_running_loop().create_future()
        waiting = asyncio.create_task(lib.wait([future], timeout=1000))
        await asyncio.sleep(0)
        assert future._callbacks
        waiting.cancel("enough")
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not future.done() and not future._callbacks

    run(main())


def test_after_it_nothing_is_left_on_those_that_are_not_done(run, lib):
    async def main():
        loop = asyncio.get_running_loop()
        future, other = loop.create_future(), loop.create_future()
        calls = []
        future.add_done_callback(lambda done: calls.append("before"))
        loop.call_soon(other.set_result, None)
        await lib.wait([future, other], return_when=asyncio.FIRST_COMPLETED)
        assert len(future._callbacks) == 1
        future.set_result(None)
        await asyncio.sleep(0)
        assert calls == ["before"]

    run(main())


def test_an_abandoned_wait_is_collected_with_its_futures(loop, lib):
    async def main():
        future = loop.create_future()
        task = loop.create_task(lib.wait([future, loop.create_future()]))
        task._log_destroy_pending = False
        await asyncio.sleep(0)
        alive = weakref.ref(task), weakref.ref(future)
        del task, future
        gc.collect()
        assert [reference() for reference in alive] == [None, None]

    loop.run_until_complete(main())


@pytest.mark.parametrize(
    "members, error, text",
    [
        (lambda: [], ValueError, "Set of Tasks/Futures is empty."),
        (lambda: set(), ValueError, "Set of Tasks/Futures is empty."),
        (lambda: [value(1)], TypeError, "Passing coroutines is forbidden, use tasks explicitly."),
        (lambda: value(1), TypeError, "expect a list of futures, not coroutine"),
        (asyncio.Future, TypeError, "expect a list of futures, not .*Future"),
        (lambda: 1, TypeError, "'int' object is not iterable"),
    ],
)
@pytest.mark.filterwarnings("ignore:coroutine 'value' was never awaited:RuntimeWarning")
def test_mistakes(run, lib, members, error, text):
    async def main():
        with pytest.raises(error, match=text):
            await lib.wait(members())
        gc.collect()

    run(main())


def test_a_wrong_condition(run, lib):
    async def main():
        future = asyncio.get_running_loop().create_future()
        with pytest.raises(ValueError, match="^Invalid return_when value: never$"):
            await lib.wait([future], return_when="never")

    run(main())


def test_members_of_all_kinds(run, lib, flavour):
    class Derived(flavour.Future):
        pass

    async def main():
        loop = asyncio.get_running_loop()
        members = [Derived(loop=loop), asyncio.Future(loop=loop), loop.create_future()]
        for member in members:
            loop.call_soon(member.set_result, None)
        done, pending = await lib.wait(members)
        assert done == set(members) and not pending

    run(main())


def test_two_at_a_time_on_the_same_futures(run, lib):
    async def main():
        future = asyncio.get_running_loop().create_future()
        first, second = tasks(lib.wait([future]), lib.wait([future]))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        future.set_result(1)
        assert await second == ({future}, set())

    run(main())
