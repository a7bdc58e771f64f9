"""asyncio.eager_task_factory and eager_start: the first step runs inside create_task."""

import asyncio
import contextvars
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks are new in 3.12")

VAR = contextvars.ContextVar("VAR", default="unset")


@pytest.fixture
def run_eager(run):
    """Run main with the eager task factory in place."""

    def run_eager(main):
        async def wrapped():
            asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
            return await main()

        return run(wrapped())

    return run_eager


async def now(result):
    return result


async def fail():
    raise LookupError("eager")


def test_a_coroutine_that_does_not_wait_is_done_at_once(flavour, run_eager):
    async def main():
        task = asyncio.create_task(now(5))
        assert task.done() and task.result() == 5
        assert type(task) is flavour.Task
        assert await task == 5
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_eager(main)


def test_one_that_waits_goes_on_later(run_eager):
    async def main():
        seen = []

        async def work():
            seen.append("eager")
            await asyncio.sleep(0)
            seen.append("later")
            return "done"

        task = asyncio.create_task(work())
        assert seen == ["eager"]
        assert not task.done()
        assert task in asyncio.all_tasks()
        assert await task == "done"
        assert seen == ["eager", "later"]

    run_eager(main)


def test_an_exception_is_kept_for_the_waiter(run_eager):
    async def main():
        task = asyncio.create_task(fail())
        assert task.done()
        with pytest.raises(LookupError, match="eager"):
            await task

    run_eager(main)


def test_current_task_changes_and_changes_back(run_eager):
    async def main():
        me = asyncio.current_task()

        async def child():
            inner = asyncio.current_task()
            assert inner is not me

            async def grandchild():
                return asyncio.current_task()

            task = asyncio.create_task(grandchild())
            assert task.result() is task
            assert asyncio.current_task() is inner
            return inner

        task = asyncio.create_task(child())
        assert task.result() is task
        assert asyncio.current_task() is me
        failed = asyncio.create_task(fail())
        assert asyncio.current_task() is me
        failed.exception()

    run_eager(main)


def test_the_eager_step_has_its_own_context(run_eager):
    async def main():
        async def child():
            VAR.set("child")
            await asyncio.sleep(0)
            return VAR.get()

        task = asyncio.create_task(child())
        assert VAR.get() == "unset"
        assert await task == "child"

    run_eager(main)


def test_a_name_is_given_before_the_first_step(run_eager):
    """From 3.14 on the loop hands the name to the factory; 3.12 and 3.13.0 set it when the first
    step is over."""

    async def main():
        async def child():
            return asyncio.current_task().get_name()

        task = asyncio.create_task(child(), name="early")
        assert task.get_name() == "early"
        if sys.version_info >= (3, 14):
            assert task.result() == "early"

    run_eager(main)


def test_cancelled_by_itself_in_the_eager_step(run_eager):
    async def main():
        async def child():
            asyncio.current_task().cancel()
            await asyncio.sleep(0)

        task = asyncio.create_task(child())
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    run_eager(main)


def test_raising_cancelled_error_in_the_eager_step(run_eager):
    async def main():
        async def child():
            raise asyncio.CancelledError("eager")

        task = asyncio.create_task(child())
        assert task.cancelled()

    run_eager(main)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_the_strong_exceptions_come_out_of_create_task(loop, error, log):
    loop.set_task_factory(asyncio.eager_task_factory)

    async def strong():
        raise error("strong")

    async def main():
        with pytest.raises(error, match="strong"):
            asyncio.create_task(strong())
        assert asyncio.current_task() is not None
        return "went on"

    assert loop.run_until_complete(main()) == "went on"


def test_junk_in_the_eager_step(run_eager):
    import types

    @types.coroutine
    def junk():
        yield 7

    async def child():
        await junk()

    async def main():
        with pytest.raises(RuntimeError, match="^Task got bad yield: 7$"):
            await asyncio.create_task(child())

    run_eager(main)


def test_done_callbacks_of_an_eager_task(run_eager):
    async def main():
        seen = []
        task = asyncio.create_task(now(1))
        task.add_done_callback(seen.append)
        assert seen == []
        await asyncio.sleep(0)
        assert seen == [task]

    run_eager(main)


def test_gather_and_task_group(run_eager):
    async def main():
        assert await asyncio.gather(now(1), asyncio.sleep(0, 2), now(3)) == [1, 2, 3]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(now(number)) for number in range(5)]
        assert [task.result() for task in tasks] == list(range(5))

    run_eager(main)


def test_ten_thousand_eager_tasks(run_eager):
    async def main():
        return sum([(await asyncio.create_task(now(1))) for _ in range(10_000)])

    assert run_eager(main) == 10_000


def test_the_factory_can_be_taken_back(loop):
    assert loop.get_task_factory() is None
    loop.set_task_factory(asyncio.eager_task_factory)
    assert loop.get_task_factory() is asyncio.eager_task_factory
    loop.set_task_factory(None)
    assert loop.get_task_factory() is None

    async def main():
        task = asyncio.create_task(now(1))
        assert not task.done()
        return await task

    assert loop.run_until_complete(main()) == 1


def test_eager_start_of_the_constructor(flavour, run):
    async def main():
        loop = asyncio.get_running_loop()
        task = flavour.Task(now(4), loop=loop, eager_start=True)
        assert task.done() and task.result() == 4
        assert not flavour.Task(now(4), loop=loop, eager_start=False).done()
        await asyncio.sleep(0)

    run(main())


def test_eager_start_without_a_running_loop(flavour, loop):
    """Stock: an eager start needs the loop to be running; it raises or starts as usual, depending
    on the version."""
    coro = now(1)
    try:
        task = flavour.Task(coro, loop=loop, eager_start=True)
    except RuntimeError:
        coro.close()
    else:
        assert loop.run_until_complete(task) == 1


@pytest.mark.skipif(sys.version_info < (3, 14), reason="create_task(eager_start=) is new in 3.14")
def test_eager_start_of_create_task(run, run_eager):
    async def main():
        loop = asyncio.get_running_loop()
        for make in (asyncio.create_task, loop.create_task):
            assert make(now(1), eager_start=True).done()
            task = make(now(1), eager_start=False)
            assert not task.done()
            await task

    run(main())
    run_eager(main)


def test_create_eager_task_factory(flavour, run):
    class Mine(flavour.Task):
        pass

    async def main():
        asyncio.get_running_loop().set_task_factory(asyncio.create_eager_task_factory(Mine))
        task = asyncio.create_task(now(6))
        assert type(task) is Mine
        assert task.done()
        return await task

    assert run(main()) == 6


def test_get_coro_of_an_eager_task_that_ended(flavour, run_eager):
    if flavour.name == "asyncio" and sys.version_info < (3, 13):
        pytest.skip("stock 3.12.1 dies of a null pointer here")

    async def main():
        task = asyncio.create_task(now(1))
        assert task.get_coro() is None or asyncio.iscoroutine(task.get_coro())
        assert repr(task).startswith("<Task finished name=")

    run_eager(main)
