"""A task factory makes every task of its loop, with exactly what the running version hands on."""

import asyncio
import contextvars

import pytest


async def value(result):
    return result


def test_it_is_called_for_every_task(loop, flavour):
    made = []

    def factory(loop, coro, **kwargs):
        made.append(sorted(kwargs))
        return flavour.Task(coro, loop=loop, **kwargs)

    loop.set_task_factory(factory)
    assert loop.get_task_factory() is factory

    async def main():
        await asyncio.create_task(value(1))
        await asyncio.gather(value(2), value(3))
        async with asyncio.TaskGroup() as group:
            group.create_task(value(4))

    loop.run_until_complete(main())
    assert len(made) == 5


def arguments_of(new_loop, **kwargs):
    """What reaches a factory."""
    loop = new_loop()
    got = []

    def factory(loop, coro, **kwargs):
        got.append(dict(kwargs))
        return asyncio.Task(coro, loop=loop)

    loop.set_task_factory(factory)
    task = loop.create_task(value(1), **kwargs)
    got.append(task.get_name() == kwargs.get("name"))
    loop.run_until_complete(task)
    loop.close()
    return got


CONTEXT = contextvars.copy_context()


@pytest.mark.parametrize(
    "kwargs", [{}, {"name": "n"}, {"context": CONTEXT}, {"name": "n", "context": CONTEXT}]
)
def test_the_arguments_are_those_of_the_stock_loop(loop_factory, kwargs):
    assert arguments_of(loop_factory, **kwargs) == arguments_of(asyncio.new_event_loop, **kwargs)


def test_whatever_it_returns_is_the_task(loop):
    made = []

    def factory(loop, coro, **kwargs):
        made.append(asyncio.Task(coro, loop=loop))
        return made[-1]

    loop.set_task_factory(factory)
    task = loop.create_task(value(1))
    assert task is made[0]
    assert loop.run_until_complete(task) == 1


def test_an_error_of_the_factory_is_the_callers(loop):
    def factory(loop, coro, **kwargs):
        coro.close()
        raise LookupError("factory")

    loop.set_task_factory(factory)
    with pytest.raises(LookupError, match="factory"):
        loop.create_task(value(1))
    loop.set_task_factory(None)


@pytest.mark.parametrize("junk", [3, "text", object()])
def test_it_must_be_callable(loop, junk):
    with pytest.raises(TypeError, match="^task factory must be a callable or None$"):
        loop.set_task_factory(junk)
