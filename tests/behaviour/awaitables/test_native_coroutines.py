"""What an `async def` function of asyncio returns is a coroutine, also where there is no frame behind it."""

import asyncio
import collections.abc
import copy
import gc
import inspect
import pickle
import subprocess
import sys
import types
import unittest.mock
import warnings
import weakref

import pytest


@pytest.fixture(params=["sleep"])
def make(request, lib):
    """A function that makes a new coroutine that will wait."""
    return {"sleep": lambda: lib.sleep(1000, "result")}[request.param]


@pytest.fixture
def suspended(make, loop):
    """A coroutine that has been started by hand, inside of a running loop, and waits."""

    async def start():
        coroutine = make()
        yielded = coroutine.send(None)
        yielded._asyncio_future_blocking = False
        return coroutine

    coroutine = loop.run_until_complete(start())
    yield coroutine
    coroutine.close()


def test_everybody_takes_it_for_a_coroutine(make):
    coroutine = make()
    assert asyncio.iscoroutine(coroutine)
    assert inspect.iscoroutine(coroutine)
    assert inspect.isawaitable(coroutine)
    assert isinstance(coroutine, collections.abc.Coroutine)
    assert isinstance(coroutine, types.CoroutineType)
    assert issubclass(type(coroutine), collections.abc.Coroutine)
    coroutine.close()


def test_it_has_a_name_and_a_repr(make):
    coroutine = make()
    assert coroutine.__name__ == coroutine.__qualname__ == "sleep"
    assert repr(coroutine) == f"<coroutine object sleep at {id(coroutine):#x}>"
    coroutine.close()


def test_attributes_before_and_after(make):
    coroutine = make()
    assert (coroutine.cr_running, coroutine.cr_suspended) == (False, False)
    assert coroutine.cr_await is None and coroutine.cr_origin is None
    coroutine.close()
    assert (coroutine.cr_running, coroutine.cr_suspended) == (False, False)
    assert coroutine.cr_frame is None


def test_attributes_while_it_waits(suspended):
    assert (suspended.cr_running, suspended.cr_suspended) == (False, True)
    assert suspended.cr_await is not None
    assert inspect.getcoroutinestate(suspended) == inspect.CORO_SUSPENDED


def test_one_that_nobody_awaits_warns(make):
    coroutine = make()
    with pytest.warns(RuntimeWarning, match="coroutine 'sleep' was never awaited"):
        del coroutine
        gc.collect()


@pytest.mark.parametrize("filters, told", [("default", ["coroutine 'sleep' was never awaited"]), ("ignore", [])])
def test_one_that_outlives_the_program_warns(lib, filters, told):
    code = f"import {lib.__name__} as lib; lib.kept = lib.sleep(1)"
    done = subprocess.run([sys.executable, "-W", filters, "-c", code], capture_output=True, text=True, check=True)
    assert [line.partition("RuntimeWarning: ")[2] for line in done.stderr.splitlines()] == told


def test_one_that_was_closed_or_thrown_into_does_not(make):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make().close()
        with pytest.raises(LookupError):
            make().throw(LookupError)
        gc.collect()


def test_in_debug_mode_the_warning_says_where_it_was_made(flavour, loop, make):
    if flavour.name == "ferrio-on-stock-loop":
        pytest.skip("only ferrio's loops let them know (docs/differences.md)")

    async def main():
        make()

    loop.set_debug(True)
    with pytest.warns(RuntimeWarning, match="(?s)sleep.*Coroutine created at.*in main"):
        loop.run_until_complete(main())
        gc.collect()


def test_it_can_be_awaited_once(run, lib):
    async def main():
        coroutine = lib.sleep(0)
        await coroutine
        for _ in range(2):
            with pytest.raises(RuntimeError, match="^cannot reuse already awaited coroutine$"):
                await coroutine
        with pytest.raises(RuntimeError, match="^cannot reuse already awaited coroutine$"):
            coroutine.throw(LookupError)
        coroutine.close()

    run(main())


def test_it_cannot_be_awaited_while_another_does(run, make):
    async def main():
        coroutine = make()
        task = asyncio.get_running_loop().create_task(coroutine)
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="^coroutine is being awaited already$"):
            await coroutine
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())


def test_only_none_can_be_sent_at_first(make):
    coroutine = make()
    with pytest.raises(TypeError, match="^can't send non-None value to a just-started coroutine$"):
        coroutine.send(1)
    coroutine.close()


def test_closing_it_ends_it(suspended):
    assert suspended.close() is None
    assert suspended.close() is None
    with pytest.raises(RuntimeError, match="^cannot reuse already awaited coroutine$"):
        suspended.send(None)


def test_what_is_thrown_comes_out(suspended):
    error = LookupError("mine")
    with pytest.raises(LookupError) as caught:
        suspended.throw(error)
    assert caught.value is error
    assert not suspended.cr_suspended


def test_stop_iteration_thrown_into_a_future_is_its_value(suspended):
    with pytest.raises(StopIteration) as stop:
        suspended.throw(StopIteration(1))
    assert stop.value.value == 1
    assert not suspended.cr_suspended


@pytest.mark.parametrize("bad", [(), (3,), (int,), (LookupError, 1, 2), (LookupError(), 1)])
@pytest.mark.filterwarnings("ignore:the .type, exc, tb. signature:DeprecationWarning")
def test_throw_wants_an_exception(suspended, bad):
    with pytest.raises(TypeError):
        suspended.throw(*bad)


def test_a_value_that_is_a_tuple_or_an_exception_stays_whole(run, lib):
    async def main():
        assert await lib.sleep(0, (1, 2)) == (1, 2)
        error = StopIteration(3)
        assert await lib.sleep(0, error) is error
        coroutine = lib.sleep(0, (1, 2))
        coroutine.send(None)
        with pytest.raises(StopIteration) as stop:
            coroutine.send(None)
        assert stop.value.value == (1, 2)

    run(main())


def test_it_works_wherever_a_coroutine_does(loop, lib, flavour):
    async def main():
        assert await lib.sleep(0, 1) == 1
        assert await loop.create_task(lib.sleep(0, 2)) == 2
        assert await asyncio.create_task(lib.sleep(0.001, 3), name="mine") == 3
        assert await flavour.Task(lib.sleep(0.001, 4), loop=loop) == 4
        assert await asyncio.gather(lib.sleep(0.001, 5), lib.sleep(0, 6)) == [5, 6]
        assert await asyncio.wait_for(lib.sleep(0, 7), 10) == 7
        assert await asyncio.shield(lib.sleep(0, 8)) == 8
        async with asyncio.TaskGroup() as group:
            task = group.create_task(lib.sleep(0, 9))
        assert task.result() == 9
        future = asyncio.run_coroutine_threadsafe(lib.sleep(0, 10), loop)
        assert await asyncio.wrap_future(future) == 10

    loop.run_until_complete(main())
    assert loop.run_until_complete(lib.sleep(0, 11)) == 11


def test_under_the_tasks_of_the_other_implementation(lib):
    """CPython's own Task, C and Python, drives it on whatever loop there is."""

    async def main():
        loop = asyncio.get_running_loop()
        for Task in (asyncio.tasks._CTask, asyncio.tasks._PyTask):
            assert await Task(lib.sleep(0.001, 1), loop=loop) == 1
            task = Task(lib.sleep(1000), loop=loop)
            await asyncio.sleep(0)
            task.cancel("enough")
            with pytest.raises(asyncio.CancelledError):
                await task

    with asyncio.Runner() as runner:
        runner.run(main())


@types.coroutine
def _old(awaitable):
    return (yield from awaitable)


def test_a_generator_coroutine_can_yield_from_it(run, lib):
    assert run(_awaiting(_old(lib.sleep(0.001, 1)))) == 1


async def _awaiting(awaitable):
    return await awaitable


def test_it_is_not_entered_twice(run, lib):
    class Delay:
        """Compares by sending into the coroutine that compares it."""

        def __le__(self, other):
            with pytest.raises(ValueError, match="^coroutine already executing$"):
                self.coroutine.send(None)
            with pytest.raises(ValueError, match="^coroutine already executing$"):
                self.coroutine.close()
            with pytest.raises(ValueError, match="^coroutine already executing$"):
                self.coroutine.throw(LookupError)
            assert self.coroutine.cr_running
            return True

    async def main():
        delay = Delay()
        delay.coroutine = lib.sleep(delay, "done")
        assert await delay.coroutine == "done"

    run(main())


def test_one_in_a_cycle_is_collected(lib):
    class Node:
        pass

    node = Node()
    node.coroutine = lib.sleep(1, node)
    alive = weakref.ref(node), weakref.ref(node.coroutine)
    node.coroutine.close()
    node.again = lib.sleep(1, node)
    with pytest.warns(RuntimeWarning, match="never awaited"):
        del node
        gc.collect()
    assert [reference() for reference in alive] == [None, None]


def test_an_abandoned_one_is_closed(loop, make):
    async def start():
        coroutine = make()
        future = coroutine.send(None)
        future._asyncio_future_blocking = False
        return weakref.ref(coroutine)

    reference = loop.run_until_complete(start())
    gc.collect()
    assert reference() is None


def test_the_function_looks_like_the_stdlibs(lib):
    theirs, ours = asyncio.tasks.sleep, lib.sleep
    assert inspect.signature(ours) == inspect.signature(theirs)
    assert inspect.iscoroutinefunction(ours)
    assert ours.__name__ == ours.__qualname__ == "sleep"
    assert ours.__doc__ == theirs.__doc__
    assert repr(ours).startswith("<function sleep at 0x")
    assert copy.deepcopy(ours) is ours
    assert pickle.loads(pickle.dumps(ours)) is ours


def test_unittest_mock_sees_a_coroutine_function(lib):
    with unittest.mock.patch.object(lib, "sleep") as mocked:
        assert isinstance(mocked, unittest.mock.AsyncMock)


def test_in_a_class_it_becomes_a_method(lib):
    class Holder:
        nap = lib.sleep

    with pytest.raises(TypeError, match="takes from 1 to 2 positional arguments but 3 were given"):
        Holder().nap(1, 2)


@pytest.mark.parametrize("arguments", [(), (1, 2, 3)])
@pytest.mark.parametrize("keywords", [{}, {"delay": 1, "more": 2}])
def test_arguments_that_do_not_fit_are_refused_in_the_same_words(lib, arguments, keywords):
    def complaint(function):
        with pytest.raises(TypeError) as caught:
            function(*arguments, **keywords)
        return str(caught.value)

    assert complaint(lib.sleep) == complaint(asyncio.tasks.sleep)


@pytest.mark.skipif(sys.version_info < (3, 14), reason="call graphs came with 3.14")
def test_a_call_graph_goes_through_it(run, lib):
    async def main():
        task = asyncio.create_task(_awaiting(lib.sleep(1000)))
        await asyncio.sleep(0)
        graph = asyncio.capture_call_graph(task)
        names = [entry.frame.f_code.co_name for entry in graph.call_stack]
        assert "_awaiting" in names
        assert "_awaiting" in asyncio.format_call_graph(task)
        task.cancel()

    run(main())
