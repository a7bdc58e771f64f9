"""Each callback runs in its own context: what it sets is seen by nobody who did not share that
context."""

import asyncio
import contextvars

import pytest

VAR = contextvars.ContextVar("VAR", default="unset")


def run_once(loop):
    loop.stop()
    loop.run_forever()


SCHEDULE = {
    "call_soon": lambda loop, *args, **kw: loop.call_soon(*args, **kw),
    "call_soon_threadsafe": lambda loop, *args, **kw: loop.call_soon_threadsafe(*args, **kw),
    "call_later": lambda loop, *args, **kw: loop.call_later(0, *args, **kw),
    "call_at": lambda loop, *args, **kw: loop.call_at(loop.time() - 1, *args, **kw),
}


@pytest.fixture(params=SCHEDULE)
def schedule(request):
    return SCHEDULE[request.param]


def drain(loop):
    loop.run_until_complete(asyncio.sleep(0.001))


def test_a_callback_sees_the_context_of_its_scheduling(loop, schedule):
    seen = []
    contextvars.copy_context().run(
        lambda: (VAR.set("inner"), schedule(loop, lambda: seen.append(VAR.get())))
    )
    schedule(loop, lambda: seen.append(VAR.get()))
    drain(loop)
    assert seen == ["inner", "unset"]


def test_a_callback_runs_in_the_context_it_was_given(loop, schedule):
    context = contextvars.copy_context()
    schedule(loop, VAR.set, "given", context=context)
    drain(loop)
    assert context[VAR] == "given"
    assert VAR.get() == "unset"


def test_what_a_callback_sets_is_not_seen_by_the_next(loop, schedule):
    seen = []
    schedule(loop, VAR.set, "leak")
    schedule(loop, lambda: seen.append(VAR.get()))
    drain(loop)
    assert seen == ["unset"]
    assert VAR.get() == "unset"


def test_a_callback_that_raises_leaves_its_context(loop, schedule, reported):
    loop.set_exception_handler(reported)
    seen = []

    def bad():
        VAR.set("leak")
        raise ValueError

    schedule(loop, bad)
    schedule(loop, lambda: seen.append(VAR.get()))
    drain(loop)
    assert seen == ["unset"]
    assert len(reported) == 1


def test_a_task_has_a_copy_of_its_creators_context(run):
    async def child():
        seen = VAR.get()
        VAR.set("child")
        await asyncio.sleep(0)
        return seen, VAR.get()

    async def main():
        VAR.set("parent")
        task = asyncio.create_task(child())
        VAR.set("parent, later")
        assert await task == ("parent", "child")
        assert VAR.get() == "parent, later"

    run(main())
    assert VAR.get() == "unset"


def test_a_task_runs_in_the_context_it_was_given(loop):
    context = contextvars.copy_context()

    async def child():
        VAR.set("step 1")
        await asyncio.sleep(0)
        VAR.set(VAR.get() + ", step 2")

    loop.run_until_complete(loop.create_task(child(), context=context))
    assert context[VAR] == "step 1, step 2"
    assert VAR.get() == "unset"


def test_interleaved_tasks_keep_their_own_values(run):
    async def child(number):
        VAR.set(number)
        for _ in range(20):
            await asyncio.sleep(0)
            assert VAR.get() == number

    async def main():
        await asyncio.gather(*(child(number) for number in range(20)))

    run(main())


def test_a_future_callback_has_the_context_of_add_done_callback(loop):
    seen = []
    future = loop.create_future()
    context = contextvars.copy_context()
    context.run(VAR.set, "given")
    future.add_done_callback(lambda _: seen.append(VAR.get()), context=context)
    future.add_done_callback(lambda _: seen.append(VAR.get()))
    contextvars.copy_context().run(
        lambda: (VAR.set("inner"), future.add_done_callback(lambda _: seen.append(VAR.get())))
    )
    contextvars.copy_context().run(lambda: (VAR.set("setter"), future.set_result(None)))
    run_once(loop)
    assert seen == ["given", "unset", "inner"]


def test_reader_callbacks_see_the_context_of_add_reader(loop):
    import socket

    left, right = socket.socketpair()
    with left, right:
        seen = []
        contextvars.copy_context().run(
            lambda: (
                VAR.set("adder"),
                loop.add_reader(left, lambda: (seen.append(VAR.get()), loop.stop())),
            )
        )
        right.send(b"x")
        loop.run_forever()
        loop.remove_reader(left)
    assert seen == ["adder"]


def test_a_context_that_is_entered_already_is_reported_not_fatal(loop, reported, log):
    """Context.run raises RuntimeError when the context is active; the loop must survive that.

    Since 3.12 the exception handler runs in the same context, so it cannot be called either: the log says so.
    """
    loop.set_exception_handler(reported)
    context = contextvars.copy_context()
    seen = []
    loop.call_soon(lambda: None, context=context)
    loop.call_soon(seen.append, "next")
    context.run(run_once, loop)
    assert seen == ["next"]
    assert len(reported) + len(log.records) >= 1
