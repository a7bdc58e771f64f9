"""`create_task` and `ensure_future`: which loop, which task, whose error."""

import asyncio
import contextvars
import inspect

import pytest
from flavours import FLAVOURS_AND_STOCK_LOOP


@pytest.fixture(params=FLAVOURS_AND_STOCK_LOOP, ids=lambda flavour: flavour.name)
def flavour(request):
    """The implementation under test: name, lib, new_event_loop, Future, Task."""
    return request.param


@pytest.fixture
def lib(flavour):
    return flavour.lib


async def answer(value=42):
    return value


def test_they_look_like_asyncios(lib):
    for name in ("create_task", "ensure_future"):
        ours, stock = getattr(lib, name), getattr(asyncio, name)
        assert inspect.signature(ours) == inspect.signature(stock)
        assert (ours.__doc__, ours.__name__) == (stock.__doc__, name)


def test_a_coroutine_becomes_a_task_of_the_running_loop(run, flavour, lib):
    async def main():
        loop = asyncio.get_running_loop()
        for make in (lib.create_task, lib.ensure_future):
            task = make(answer())
            assert isinstance(task, asyncio.Task) and isinstance(task, flavour.Task)
            assert task.get_loop() is loop
            assert await task == 42
        assert await lib.create_task(lib.sleep(0, "slept")) == "slept"
        assert await lib.ensure_future(lib.sleep(0, "slept")) == "slept"

    run(main())


def test_names_and_contexts(run, lib):
    variable = contextvars.ContextVar("variable", default="outside")

    async def look():
        return variable.get()

    async def main():
        context = contextvars.copy_context()
        context.run(variable.set, "inside")
        task = lib.create_task(look(), name="looker", context=context)
        assert task.get_name() == "looker"
        assert await task == "inside"
        assert await lib.create_task(look()) == "outside"
        assert lib.create_task(coro=answer()).get_name().startswith("Task-")

    run(main())


def test_a_future_is_returned_as_it_is(run, lib):
    async def main():
        loop = asyncio.get_running_loop()
        task = loop.create_task(answer())
        for future in (task, loop.create_future(), asyncio.Future(loop=loop)):
            assert lib.ensure_future(future) is future
            assert lib.ensure_future(future, loop=loop) is future
        await task

    run(main())


def test_a_future_of_another_loop(run, lib, loop_factory):
    other = loop_factory()

    async def main():
        future = other.create_future()
        assert lib.ensure_future(future) is future
        with pytest.raises(ValueError, match="^The future belongs to a different loop than the one specified"):
            lib.ensure_future(future, loop=asyncio.get_running_loop())

    run(main())
    other.close()


def test_for_a_loop_that_is_named(loop, lib):
    task = lib.ensure_future(answer(), loop=loop)
    assert task.get_loop() is loop
    assert loop.run_until_complete(task) == 42


def test_any_other_awaitable(run, lib):
    class Awaitable:
        def __await__(self):
            return answer("awaited").__await__()

    async def main():
        assert await lib.ensure_future(Awaitable()) == "awaited"
        for wrong in (1, None, answer):
            with pytest.raises(TypeError, match="^An asyncio.Future, a coroutine or an awaitable is required$"):
                lib.ensure_future(wrong)
            with pytest.raises(TypeError, match="^a coroutine was expected, got "):
                lib.create_task(wrong)
        with pytest.raises(TypeError):
            lib.create_task()

    run(main())


def test_without_a_running_loop(lib):
    coroutine = answer()
    with pytest.raises(RuntimeError, match="^no running event loop$"):
        lib.create_task(coroutine)
    coroutine.close()


def test_the_task_factory_makes_it(run, lib):
    made = []

    def factory(loop, coro, **named):
        made.append(asyncio.Task(coro, loop=loop, **named))
        return made[-1]

    async def main():
        asyncio.get_running_loop().set_task_factory(factory)
        tasks = [lib.create_task(answer()), lib.ensure_future(answer())]
        assert tasks == made
        assert await asyncio.gather(*tasks) == [42, 42]

    run(main())


def test_a_method_of_a_derived_loop_makes_it(loop, lib):
    """Libraries derive from a loop's class and note who makes tasks."""
    made = []

    class Loop(type(loop)):
        def create_task(self, coro, **named):
            made.append(coro.__name__)
            return super().create_task(coro, **named)

    async def main():
        await lib.create_task(answer())
        await lib.ensure_future(answer())

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(main())
    assert made[:3] == ["main", "answer", "answer"]


WRAPPERS = {
    "ensure_future": lambda lib, first, second: lib.ensure_future(first),
    "shield": lambda lib, first, second: lib.shield(first),
    "gather": lambda lib, first, second: lib.gather(first, second),
    "as_completed": lambda lib, first, second: next(iter(lib.as_completed([first]))),
}


@pytest.mark.parametrize("wrap", WRAPPERS)
@pytest.mark.parametrize("error", (RuntimeError, ValueError))
def test_a_loop_that_refuses(run, lib, error, wrap):
    """`ensure_future` and its users close the coroutine of one that raises a RuntimeError, as a closed loop does."""

    def refuse(loop, coro, **named):
        raise error("no more tasks")

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_task_factory(refuse)
        first, second = answer(), answer()
        with pytest.raises(error, match="^no more tasks$"):
            WRAPPERS[wrap](lib, first, second)
        loop.set_task_factory(None)
        closed = error is RuntimeError
        assert (inspect.getcoroutinestate(first) == inspect.CORO_CLOSED) is closed
        assert inspect.getcoroutinestate(second) == inspect.CORO_CREATED
        first.close()
        second.close()

    run(main())
