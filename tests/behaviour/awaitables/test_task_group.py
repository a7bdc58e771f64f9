"""A `TaskGroup` waits for its tasks; the first error ends the others."""

import asyncio
import gc
import sys
import weakref

import pytest


async def value(result, turns=0):
    for _ in range(turns):
        await asyncio.sleep(0)
    return result


async def fail(error, turns=0):
    await value(None, turns)
    raise error


async def forever():
    await asyncio.get_running_loop().create_future()


def test_it_waits_for_all(run, lib):
    async def main():
        async with lib.TaskGroup() as group:
            tasks = [group.create_task(value(number, number)) for number in range(20)]
            tasks.append(group.create_task(lib.sleep(0.001, 20)))
            assert not tasks[0].done()
        assert [task.result() for task in tasks] == list(range(21))
        assert not group._tasks

    run(main())


def test_tasks_that_end_while_the_block_runs(run, lib):
    async def main():
        async with lib.TaskGroup() as group:
            for number in range(5):
                assert await group.create_task(value(number)) == number
            group.create_task(value(1))
            group.create_task(value(2, 2))
            for _ in range(5):
                await asyncio.sleep(0)
            assert repr(group) == "<TaskGroup entered>"
            group.create_task(value(3))

    run(main())


def test_a_task_that_makes_another(run, lib):
    async def main():
        made = []

        async def child(depth):
            made.append(depth)
            if depth:
                group.create_task(child(depth - 1))

        async with lib.TaskGroup() as group:
            group.create_task(child(3))
        assert made == [3, 2, 1, 0]

    run(main())


def test_an_error_cancels_the_others_and_comes_in_a_group(run, lib):
    async def main():
        with pytest.raises(ExceptionGroup) as caught:
            async with lib.TaskGroup() as group:
                other = group.create_task(forever())
                group.create_task(fail(LookupError("a")))
                group.create_task(fail(ValueError("b")))
                await forever()
        assert other.cancelled()
        assert caught.value.message == "unhandled errors in a TaskGroup"
        assert [error.args for error in caught.value.exceptions] == [("a",), ("b",)]
        assert asyncio.current_task().cancelling() == 0

    run(main())


def test_an_error_of_the_last_task(run, lib):
    async def main():
        with pytest.raises(ExceptionGroup) as caught:
            async with lib.TaskGroup() as group:
                group.create_task(value(1))
                group.create_task(fail(LookupError(), 5))
        assert [type(error) for error in caught.value.exceptions] == [LookupError]

    run(main())


def test_an_error_of_the_block(run, lib):
    async def main():
        with pytest.raises(ExceptionGroup) as caught:
            async with lib.TaskGroup() as group:
                task = group.create_task(forever())
                await asyncio.sleep(0)
                raise LookupError
        assert task.cancelled()
        assert [type(error) for error in caught.value.exceptions] == [LookupError]

    run(main())


def test_cancelled_from_outside(run, lib):
    async def main():
        tasks = []

        async def block():
            async with lib.TaskGroup() as group:
                tasks.extend(group.create_task(forever()) for _ in range(3))

        task = asyncio.create_task(block())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel("enough")
        with pytest.raises(asyncio.CancelledError):
            await task
        assert all(task.cancelled() for task in tasks)

    run(main())


def test_a_cancelled_task_is_no_error(run, lib):
    async def main():
        async with lib.TaskGroup() as group:
            task = group.create_task(forever())
            other = group.create_task(value(1, 10))
            await asyncio.sleep(0)
            task.cancel()
        assert task.cancelled() and other.result() == 1

    run(main())


def test_names_and_contexts(run, lib):
    import contextvars

    variable = contextvars.ContextVar("variable", default=0)
    context = contextvars.copy_context()
    context.run(variable.set, 1)

    async def read():
        return variable.get()

    async def main():
        async with lib.TaskGroup() as group:
            named = group.create_task(read(), name="mine")
            inside = group.create_task(read(), context=context)
        assert named.get_name() == "mine"
        assert (named.result(), inside.result()) == (0, 1)

    run(main())


@pytest.mark.filterwarnings("ignore:coroutine 'value' was never awaited:RuntimeWarning")
def test_when_it_takes_no_tasks(run, lib):
    async def main():
        group = lib.TaskGroup()
        with pytest.raises(RuntimeError, match="has not been entered"):
            group.create_task(value(1))
        async with group:
            pass
        with pytest.raises(RuntimeError, match="is finished"):
            group.create_task(value(1))
        with pytest.raises(ExceptionGroup):
            async with lib.TaskGroup() as group:
                group.create_task(fail(LookupError()))
                try:
                    await forever()
                finally:
                    with pytest.raises(RuntimeError, match="is shutting down"):
                        group.create_task(value(1))
        gc.collect()

    run(main())


def test_with_a_task_factory(loop, lib):
    def factory(loop, coroutine, **options):
        return asyncio.Task(coroutine, loop=loop, **options)

    async def main():
        async with lib.TaskGroup() as group:
            tasks = [group.create_task(value(1, 2)), group.create_task(value(2))]
        assert [task.result() for task in tasks] == [1, 2]
        with pytest.raises(ExceptionGroup):
            async with lib.TaskGroup() as group:
                group.create_task(fail(LookupError()))

    loop.set_task_factory(factory)
    loop.run_until_complete(main())


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks are new in 3.12")
def test_with_eager_tasks(loop, lib):
    async def main():
        async with lib.TaskGroup() as group:
            done = group.create_task(value(1))
            late = group.create_task(value(2, 3))
            assert done.done() and not late.done()
        with pytest.raises(ExceptionGroup):
            async with lib.TaskGroup() as group:
                group.create_task(fail(LookupError()))
                await forever()

    loop.set_task_factory(asyncio.eager_task_factory)
    loop.run_until_complete(main())


def test_a_derived_class_is_told_of_every_task(run, lib):
    class Mine(lib.TaskGroup):
        told = 0

        def _on_task_done(self, task):
            self.told += 1
            super()._on_task_done(task)

    async def main():
        async with Mine() as group:
            for number in range(3):
                group.create_task(value(number))
        assert group.told == 3

    run(main())


def test_it_is_an_asyncio_task_group(lib):
    group = lib.TaskGroup()
    assert isinstance(group, asyncio.TaskGroup)
    assert issubclass(lib.TaskGroup, asyncio.TaskGroup)
    assert repr(group) == "<TaskGroup>"
    assert lib.TaskGroup.__doc__ == asyncio.TaskGroup.__doc__


@pytest.mark.debug_off
def test_it_keeps_no_task(run, lib):
    async def main():
        async with lib.TaskGroup() as group:
            tasks = [weakref.ref(group.create_task(value(n, n))) for n in range(3)]
            for _ in range(8):
                await asyncio.sleep(0)
            gc.collect()
            assert [task() for task in tasks] == [None, None, None]

    run(main())
