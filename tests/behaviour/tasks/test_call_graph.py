"""`asyncio.capture_call_graph`, `print_call_graph` and `_asyncio_awaited_by`: who waits for whom (CPython 3.14)."""

import asyncio
import collections.abc
import gc
import io
import sys
import weakref

import pytest

pytestmark = pytest.mark.skipif(sys.version_info < (3, 14), reason="new in 3.14")


def names(graph):
    """A graph as nested names: (task or future, functions from the innermost, those who await it)."""
    future = graph.future
    name = future.get_name() if isinstance(future, asyncio.Task) else "future"
    stack = [entry.frame.f_code.co_name for entry in graph.call_stack]
    return name, stack, sorted(names(parent) for parent in graph.awaited_by)


async def deep(work):
    return await work


def captured(run, waits):
    """The graph seen inside of a task named "inner" that somebody awaits as `waits(coroutine)` does."""
    graphs = []

    async def inner():
        graphs.append(asyncio.capture_call_graph())

    async def main():
        asyncio.current_task().set_name("main")
        await waits(inner())
        assert not asyncio.current_task()._asyncio_awaited_by

    run(main())
    return names(graphs[0])


async def awaits(coro):
    await asyncio.create_task(deep(coro), name="inner")


async def gathers(coro):
    await asyncio.gather(asyncio.create_task(deep(coro), name="inner"))


async def waits_for_all(coro):
    await asyncio.wait([asyncio.create_task(deep(coro), name="inner")])


async def shields(coro):
    await asyncio.shield(asyncio.create_task(deep(coro), name="inner"))


async def goes_through(coro):
    for done in asyncio.as_completed([asyncio.create_task(deep(coro), name="inner")]):
        await done


async def groups(coro):
    async with asyncio.TaskGroup() as group:
        group.create_task(deep(coro), name="inner")


@pytest.mark.parametrize("waits", [awaits, gathers, waits_for_all, shields, goes_through, groups])
def test_the_one_who_waits_is_seen(run, waits):
    name, stack, parents = captured(run, waits)
    assert (name, stack[:2]) == ("inner", ["inner", "deep"])
    [(parent, parent_stack, above)] = parents
    assert (parent, above) == ("main", [])
    assert parent_stack[-2:] == [waits.__name__, "main"]


async def waits_in(lib, future):
    await lib.wait([future])


async def steps(lib, future):
    for done in lib.as_completed([future]):
        await done


async def sleeps(lib, _):
    await lib.sleep(1000)


async def takes(lib, _):
    await lib.Queue().get()


async def waits_for_event(lib, _):
    await lib.Event().wait()


async def waits_a_while(lib, future):
    await lib.wait_for(future, 1000)


async def does_not_wait(lib, future):
    task = asyncio.create_task(stubborn(future))
    await asyncio.sleep(0)
    await lib.wait_for(task, 0)


async def stubborn(future):
    try:
        await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.shield(future)


async def reads(lib, _):
    await lib.StreamReader().readexactly(1)


FUNCTIONS = [
    (waits_in, ["_wait", "wait"]),
    (steps, ["get", "_wait_for_one"]),
    (sleeps, ["sleep"]),
    (takes, ["get"]),
    (waits_for_event, ["wait"]),
    (waits_a_while, ["wait_for"]),
    (reads, ["readexactly"]),
]


async def gives():
    for number in range(3):
        await asyncio.sleep(1000)
        yield number


async def iterates():
    async for _ in gives():
        pass


@pytest.mark.parametrize("waits, functions", FUNCTIONS)
def test_the_functions_that_a_task_waits_in_are_seen(run, flavour, waits, functions):
    async def main():
        future = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(deep(waits(flavour.lib, future)), name="waits")
        await asyncio.sleep(0)
        name, stack, above = names(asyncio.capture_call_graph(task))
        assert (name, above) == ("waits", [])
        # A reader of asyncio's calls another of its functions.
        assert stack[-len(functions) - 2 :] == [*functions, waits.__name__, "deep"]
        for limit in (1, 2, -1, -2, 100, -100, 0):
            _, some, _ = names(asyncio.capture_call_graph(task, limit=limit))
            expected = stack[::-1]
            expected = expected[:limit] if limit >= 0 else expected[limit:]
            assert some == expected[::-1]
        text = asyncio.format_call_graph(task)
        assert f"{functions[-1]}()" in text and text.index(f"{functions[-1]}()") < text.index("async deep()")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert names(asyncio.capture_call_graph(task)) == ("waits", [], [])

    run(main())


def test_a_task_that_is_nothing_else(run, flavour):
    async def main():
        task = asyncio.create_task(flavour.lib.sleep(0), name="sleeps")
        assert names(asyncio.capture_call_graph(task)) == ("sleeps", ["sleep"], [])
        await task
        assert names(asyncio.capture_call_graph(task)) == ("sleeps", [], [])

    run(main())


def test_a_function_of_asyncios_that_does_the_work_is_seen_once(run, flavour):
    async def main():
        future = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(does_not_wait(flavour.lib, future), name="waits")
        for _ in range(5):
            await asyncio.sleep(0)
        _, stack, _ = names(asyncio.capture_call_graph(task))
        assert stack[-2:] == ["wait_for", "does_not_wait"] and stack.count("wait_for") == 1
        future.set_result(None)
        await asyncio.gather(task, return_exceptions=True)

    run(main())


class Wrapped(collections.abc.Coroutine):
    """A coroutine of somebody else's, with no more than a graph asks for."""

    def __init__(self, coro):
        self.coro = coro
        self.send, self.throw, self.close = coro.send, coro.throw, coro.close

    send = throw = close = __await__ = None
    cr_frame = property(lambda self: self.coro.cr_frame)
    cr_await = property(lambda self: self.coro.cr_await)


def test_a_coroutine_of_another_kind(run, flavour):
    async def main():
        task = asyncio.create_task(Wrapped(deep(flavour.lib.sleep(1000))), name="wrapped")
        await asyncio.sleep(0)
        assert names(asyncio.capture_call_graph(task)) == ("wrapped", ["sleep", "deep"], [])
        task.cancel()

    run(main())


def test_a_task_that_waits_in_a_generator(run):
    async def main():
        task = asyncio.create_task(iterates(), name="iterates")
        await asyncio.sleep(0)
        name, stack, _ = names(asyncio.capture_call_graph(task))
        assert (name, stack[-1]) == ("iterates", "iterates")
        task.cancel()

    run(main())


def test_several_wait_for_one_future(run, flavour):
    async def main():
        future = asyncio.get_running_loop().create_future()
        assert not future._asyncio_awaited_by
        tasks = {asyncio.create_task(deep(future), name=f"t{n}") for n in range(5)}
        await asyncio.sleep(0)
        assert future._asyncio_awaited_by == tasks
        assert isinstance(future._asyncio_awaited_by, frozenset)
        graph = names(asyncio.capture_call_graph(future))
        assert graph == ("future", [], [(f"t{n}", ["deep"], []) for n in range(5)])
        gone = tasks.pop()
        gone.cancel()
        await asyncio.wait([gone])
        assert future.cancelled()
        await asyncio.wait(tasks)
        assert not future._asyncio_awaited_by

    run(main())


def test_it_is_printed(run):
    async def leaf(file):
        asyncio.print_call_graph(file=file)

    async def main():
        asyncio.current_task().set_name("root")
        async with asyncio.TaskGroup() as group:
            group.create_task(leaf(file), name="leaf")

    file = io.StringIO()
    run(main())
    text = file.getvalue()
    assert text.startswith("* Task(name='leaf', id=0x")
    assert text.index("leaf()") < text.index("+ Awaited by:") < text.index("* Task(name='root', id=0x")


def test_a_subclass_waits_and_is_awaited(run, flavour):
    class Future(flavour.Future):
        pass

    class Task(flavour.Task):
        pass

    async def main():
        loop = asyncio.get_running_loop()
        future = Future(loop=loop)
        task = Task(deep(future), loop=loop)
        await asyncio.sleep(0)
        assert future._asyncio_awaited_by == {task}
        future.set_result(7)
        assert await task == 7
        assert not future._asyncio_awaited_by

    run(main())


def test_a_future_of_asyncios_own_class(run):
    async def waits(future):
        await future

    async def main():
        future = asyncio.Future()
        task = asyncio.create_task(waits(future), name="waits")
        await asyncio.sleep(0)
        assert names(asyncio.capture_call_graph(future)) == ("future", [], [("waits", ["waits"], [])])
        assert names(asyncio.capture_call_graph(task)) == ("waits", ["waits"], [])
        future.set_result(None)
        await task
        assert names(asyncio.capture_call_graph(future)) == ("future", [], [])

    run(main())


def test_noted_by_hand(run):
    async def main():
        loop = asyncio.get_running_loop()
        future, other = loop.create_future(), loop.create_future()
        asyncio.future_add_to_awaited_by(future, other)
        asyncio.future_add_to_awaited_by(future, other)
        asyncio.future_add_to_awaited_by(future, None)
        asyncio.future_add_to_awaited_by(None, future)
        assert future._asyncio_awaited_by == {other}
        asyncio.future_discard_from_awaited_by(other, future)
        asyncio.future_discard_from_awaited_by(future, other)
        asyncio.future_discard_from_awaited_by(future, other)
        assert not future._asyncio_awaited_by
        with pytest.raises(TypeError):
            asyncio.future_add_to_awaited_by(future)

    run(main())


def test_those_who_wait_for_each_other_are_collected(loop):
    first, second = loop.create_future(), loop.create_future()
    asyncio.future_add_to_awaited_by(first, second)
    asyncio.future_add_to_awaited_by(second, first)
    gone = weakref.ref(first)
    del first, second
    gc.collect()
    assert gone() is None
