"""Context variables: the nested coroutine has a copy as with `asyncio.run`, and no context is in anybody's way."""

import asyncio
import contextvars

import pytest

NUMBER = contextvars.ContextVar("number", default=0)


async def add(number=1):
    await asyncio.sleep(0)
    NUMBER.set(NUMBER.get() + number)
    return NUMBER.get()


def test_the_nested_coroutine_has_a_copy(nestable):
    async def main():
        NUMBER.set(5)
        for run in (nestable.run_until_complete, asyncio.run):
            assert run(add()) == 6
            assert NUMBER.get() == 5
        await asyncio.sleep(0)
        token = NUMBER.set(7)
        asyncio.run(add())
        NUMBER.reset(token)
        return NUMBER.get()

    assert nestable.run_until_complete(main()) == 5


def test_a_runner_keeps_one_context(nestable):
    async def main():
        with asyncio.Runner() as runner:
            assert [runner.run(add()), runner.run(add())] == [1, 2]
            own = contextvars.copy_context()
            assert runner.run(add(10), context=own) == 10 and own[NUMBER] == 10
        return NUMBER.get()

    assert nestable.run_until_complete(main()) == 0


def test_tasks_that_share_the_context_of_the_one_that_waits(nestable, ours):
    """A notebook's cells are such tasks. A context that is entered cannot be entered again: the waiting task leaves it."""
    shared = contextvars.copy_context()

    async def deeper(depth):
        await add()
        if depth:
            nestable.run_until_complete(nestable.create_task(deeper(depth - 1), context=shared))
        return NUMBER.get()

    assert nestable.run_until_complete(nestable.create_task(deeper(4), context=shared)) == 5
    assert shared[NUMBER] == 5


def test_tasks_that_share_the_context_of_a_callback(nestable, ours):
    shared, seen = contextvars.copy_context(), []

    def call():
        NUMBER.set(1)
        seen.append(nestable.run_until_complete(nestable.create_task(add(), context=shared)))
        seen.append(NUMBER.get())

    async def main():
        nestable.call_soon(call, context=shared)
        while len(seen) < 2:
            await asyncio.sleep(0)

    nestable.run_until_complete(main())
    assert seen == [2, 2]


def test_tasks_that_share_a_context_further_up(nestable, ours):
    """They read what is set there; what they set themselves cannot be put there."""
    shared, seen = contextvars.copy_context(), []

    def in_shared():
        NUMBER.set(1)
        nestable.call_soon(in_another)
        nestable.run_until_complete(asyncio.sleep(0.001))
        seen.append(NUMBER.get())

    def in_another():
        NUMBER.set(100)
        seen.append(nestable.run_until_complete(nestable.create_task(add(), context=shared)))
        seen.append(NUMBER.get())

    async def main():
        nestable.call_soon(in_shared, context=shared)
        while len(seen) < 3:
            await asyncio.sleep(0)

    nestable.run_until_complete(main())
    # 1 + 1 (or, after another step, lost again), that of the callback between, and the untouched one.
    assert seen[1:] == [100, 1] and seen[0] in (1, 2)


def test_without_nested_run_an_entered_context_is_still_an_error(loop, log):
    shared = contextvars.copy_context()

    async def main():
        loop.call_soon(lambda: None, context=shared)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    shared.run(loop.run_until_complete, main())
    errors = [record.exc_info[1] for record in log.records if record.exc_info]
    assert errors
    with pytest.raises(RuntimeError, match="cannot enter context"):
        raise errors[0]
