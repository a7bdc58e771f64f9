"""A task runs all its steps in one copy of the context it was made in, whenever that copy is made."""

import asyncio
import contextvars
import gc
import sys
import weakref

import pytest

VAR = contextvars.ContextVar("VAR", default="unset")
has_get_context = pytest.mark.skipif(sys.version_info < (3, 12), reason="Task.get_context is new in 3.12")


class Value:
    """Something that a weak reference can follow."""


async def set_and_look(value, pauses):
    before = VAR.get()
    VAR.set(value)
    for _ in range(pauses):
        await asyncio.sleep(0)
    return before, VAR.get()


@pytest.mark.parametrize("pauses", [0, 1, 3])
def test_tasks_see_nothing_of_one_another(loop, pauses):
    async def main():
        one_by_one = [await loop.create_task(set_and_look(number, pauses)) for number in range(3)]
        together = await asyncio.gather(*(set_and_look(number, pauses) for number in range(3)))
        return one_by_one, together, VAR.get()

    expected = [("unset", number) for number in range(3)]
    assert loop.run_until_complete(main()) == (expected, expected, "unset")


def test_a_task_has_the_values_of_the_moment_it_was_made(loop):
    async def main():
        VAR.set("before")
        task = loop.create_task(set_and_look("own", 0))
        VAR.set("after")
        return await task, VAR.get()

    assert loop.run_until_complete(main()) == (("before", "own"), "after")


@has_get_context
@pytest.mark.parametrize("pauses", [0, 2])
@pytest.mark.parametrize("asked_early", [False, True])
def test_the_context_stays_when_the_task_is_done(loop, pauses, asked_early):
    async def main():
        task = loop.create_task(set_and_look("own", pauses))
        early = task.get_context() if asked_early else None
        await task
        await loop.create_task(set_and_look("of another one", 0))
        context = task.get_context()
        assert task.get_context() is context
        assert early is None or early is context
        return context[VAR]

    assert loop.run_until_complete(main()) == "own"


def test_a_given_context_is_the_one_it_runs_in(loop):
    context = contextvars.copy_context()

    async def main():
        await loop.create_task(set_and_look("own", 0), context=context)
        return await loop.create_task(set_and_look("again", 1), context=context)

    assert loop.run_until_complete(main()) == ("own", "again")
    assert context[VAR] == "again"


@has_get_context
def test_a_token_of_a_task_that_is_done_fits_its_context_alone(loop):
    tokens = []

    async def main():
        async def keep_token():
            tokens.append(VAR.set("own"))

        task = loop.create_task(keep_token())
        await task
        await loop.create_task(set_and_look("of another one", 0))
        with pytest.raises(ValueError, match="different Context"):
            VAR.reset(tokens[0])
        context = task.get_context()
        context.run(VAR.reset, tokens[0])
        return VAR in context

    assert loop.run_until_complete(main()) is False


def test_values_die_with_the_task_that_has_set_them(loop):
    alive = weakref.WeakSet()

    async def fill():
        value = Value()
        alive.add(value)
        VAR.set(value)

    async def main():
        task = loop.create_task(fill())
        await task
        gc.collect()
        kept = len(alive)
        del task
        await asyncio.sleep(0)
        gc.collect()
        return kept, len(alive)

    assert loop.run_until_complete(main()) == (1, 0)


@pytest.mark.parametrize("error", [None, ValueError("wrong"), asyncio.CancelledError()])
def test_however_it_ends_the_next_one_starts_anew(loop, error):
    async def end():
        VAR.set("own")
        if error is not None:
            raise error

    async def main():
        await asyncio.gather(end(), end(), return_exceptions=True)
        return await loop.create_task(set_and_look("next", 0))

    assert loop.run_until_complete(main()) == ("unset", "next")


@has_get_context
def test_callbacks_of_a_task_find_its_values(loop):
    seen = []

    async def main():
        task = loop.create_task(set_and_look("own", 0))
        task.add_done_callback(lambda done: seen.append(done.get_context()[VAR]))
        await task
        await asyncio.sleep(0)

    loop.run_until_complete(main())
    assert seen == ["own"]


def test_a_finalizer_of_a_value_may_make_tasks(loop):
    seen = []

    async def look():
        seen.append(VAR.get())

    class Last:
        def __del__(self):
            loop.create_task(look())

    async def main():
        async def fill():
            VAR.set(Last())

        for _ in range(3):
            await loop.create_task(fill())
            gc.collect()
            await asyncio.sleep(0)
        await asyncio.sleep(0)

    loop.run_until_complete(main())
    assert seen == ["unset"] * 3
