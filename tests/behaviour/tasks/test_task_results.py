"""A task drives its coroutine to the end: results, exceptions, names, and what it refuses."""

import asyncio
import contextvars
import re
import sys

import pytest


async def value(result):
    return result


def test_the_loop_makes_the_implementations_own_task(flavour, loop):
    task = loop.create_task(value(1))
    assert type(task) is flavour.Task
    assert isinstance(task, (asyncio.Task, asyncio.Future))
    assert asyncio.isfuture(task)
    assert isinstance(task, flavour.Future)
    assert loop.run_until_complete(task) == 1


def test_asyncio_create_task_too(flavour, run):
    async def main():
        task = asyncio.create_task(value(2))
        assert type(task) is flavour.Task
        assert type(asyncio.ensure_future(task)) is flavour.Task
        assert asyncio.ensure_future(task) is task
        assert type(asyncio.current_task()) is flavour.Task
        return await task

    assert run(main()) == 2


def test_the_first_step_waits_for_its_turn(loop):
    seen = []

    async def work():
        seen.append("work")

    task = loop.create_task(work())
    assert seen == []
    assert not task.done()
    loop.run_until_complete(task)
    assert seen == ["work"]


@pytest.mark.parametrize("count", [0, 1, 100])
def test_many_steps(loop, count):
    async def work():
        for _ in range(count):
            await asyncio.sleep(0)
        return count

    assert loop.run_until_complete(work()) == count


def test_an_exception_ends_the_task(loop):
    error = KeyError("lost")

    async def work():
        raise error

    task = loop.create_task(work())
    with pytest.raises(KeyError) as caught:
        loop.run_until_complete(task)
    assert caught.value is error
    assert task.exception() is error
    assert not task.cancelled()


def test_the_traceback_leads_to_the_line(loop):
    async def inner():
        raise ValueError("here")

    async def outer():
        await asyncio.sleep(0)
        await inner()

    with pytest.raises(ValueError) as caught:
        loop.run_until_complete(outer())
    assert [entry.name for entry in caught.traceback][-2:] == ["outer", "inner"]


@pytest.mark.parametrize("error", [StopIteration, StopAsyncIteration])
def test_exceptions_with_a_meaning_of_their_own(loop, error):
    """The interpreter turns a StopIteration that leaves a coroutine into a RuntimeError (PEP 479)."""

    async def work():
        raise error("odd")

    expected = RuntimeError if error is StopIteration else error
    with pytest.raises(expected):
        loop.run_until_complete(work())


def test_a_task_takes_no_outcome_from_outside(loop):
    task = loop.create_task(value(1))
    with pytest.raises(RuntimeError, match="^Task does not support set_result operation$"):
        task.set_result(2)
    with pytest.raises(RuntimeError, match="^Task does not support set_exception operation$"):
        task.set_exception(ValueError())
    assert loop.run_until_complete(task) == 1


@pytest.mark.parametrize("junk", [3, None, value, "coro", object(), lambda: None])
def test_only_coroutines_become_tasks(loop, junk):
    with pytest.raises(TypeError, match="a coroutine was expected, got"):
        loop.create_task(junk)


def test_a_failed_creation_leaves_no_task(loop):
    with pytest.raises(TypeError):
        loop.create_task(3)
    assert asyncio.all_tasks(loop) == set()


def test_a_generator_based_coroutine_is_a_coroutine(loop):
    import types

    @types.coroutine
    def old_style():
        result = yield from asyncio.sleep(0, "old").__await__()
        return result

    async def main():
        return await old_style()

    assert loop.run_until_complete(main()) == "old"


def test_a_foreign_coroutine_class_is_a_coroutine(loop):
    """Cython's coroutines are not types.CoroutineType; collections.abc.Coroutine is what counts."""
    import collections.abc

    class Coroutine(collections.abc.Coroutine):
        def __init__(self):
            self.steps = 0

        def send(self, _):
            self.steps += 1
            if self.steps < 3:
                return None
            raise StopIteration(self.steps)

        def throw(self, *args):
            raise args[0]

        def close(self):
            pass

        def __await__(self):
            return self

    assert loop.run_until_complete(loop.create_task(Coroutine())) == 3


def test_names(loop):
    named = loop.create_task(value(1), name="mine")
    unnamed = loop.create_task(value(2))
    assert named.get_name() == "mine"
    assert re.fullmatch(r"Task-\d+", unnamed.get_name())
    unnamed.set_name(42)
    assert unnamed.get_name() == "42"
    loop.run_until_complete(asyncio.wait([named, unnamed]))
    assert named.get_name() == "mine"


def test_unnamed_tasks_get_different_names(loop):
    tasks = [loop.create_task(value(number)) for number in range(20)]
    names = [task.get_name() for task in tasks]
    assert len(set(names)) == 20
    numbers = [int(name.removeprefix("Task-")) for name in names]
    assert numbers == sorted(numbers)
    loop.run_until_complete(asyncio.wait(tasks))


def test_get_coro(loop):
    coro = value(1)
    task = loop.create_task(coro)
    assert task.get_coro() is coro
    loop.run_until_complete(task)
    assert task.get_coro() is coro


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Task.get_context is new in 3.12")
def test_get_context(loop):
    context = contextvars.copy_context()
    task = loop.create_task(value(1), context=context)
    assert task.get_context() is context
    other = loop.create_task(value(1))
    assert isinstance(other.get_context(), contextvars.Context)
    loop.run_until_complete(asyncio.wait([task, other]))


def test_constructor(flavour, loop):
    task = flavour.Task(value(1), loop=loop, name="made by hand")
    assert task.get_loop() is loop
    assert task.get_name() == "made by hand"
    assert task in asyncio.all_tasks(loop)
    assert loop.run_until_complete(task) == 1


def test_constructor_without_a_loop(flavour, run):
    async def main():
        task = flavour.Task(value(1))
        assert task.get_loop() is asyncio.get_running_loop()
        return await task

    assert run(main()) == 1


def test_deep_recursion_of_awaits(loop):
    async def deep(level):
        if level:
            return await deep(level - 1)
        await asyncio.sleep(0)
        return "bottom"

    assert loop.run_until_complete(deep(200)) == "bottom"


def test_too_deep_recursion_is_an_exception_not_a_crash(loop):
    async def deep():
        return await deep()

    with pytest.raises(RecursionError):
        loop.run_until_complete(deep())


def test_a_chain_of_ten_thousand_tasks_ends(loop):
    async def wait(task):
        return await task

    async def main():
        task = asyncio.create_task(value("end"))
        for _ in range(10_000):
            task = asyncio.create_task(wait(task))
        return await task

    assert loop.run_until_complete(main()) == "end"


def test_awaiting_itself_is_refused(loop):
    async def main():
        await task

    task = loop.create_task(main())
    with pytest.raises(RuntimeError, match=r"^Task cannot await on itself: <Task "):
        loop.run_until_complete(task)


def test_awaiting_a_future_of_another_loop_is_refused(loop, loop_factory):
    other = loop_factory()

    async def main():
        await other.create_future()

    with pytest.raises(
        RuntimeError,
        match=r"^Task <Task .* got Future <Future pending.*> attached to a different loop$",
    ):
        loop.run_until_complete(main())
    other.close()


def test_a_task_keeps_running_after_its_waiter_gave_up(loop):
    seen = []

    async def work():
        await asyncio.sleep(0.002)
        seen.append("finished")

    async def main():
        task = asyncio.create_task(work())
        done, pending = await asyncio.wait([task], timeout=0)
        assert pending == {task}
        await task

    loop.run_until_complete(main())
    assert seen == ["finished"]
