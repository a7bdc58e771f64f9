"""``__del__`` methods and weakref callbacks run wherever an object is dropped; whatever they do,
nothing breaks."""

import asyncio
import gc
import weakref

import pytest


class OnDelete:
    """Calls a function when it dies."""

    def __init__(self, function):
        self.function = function

    def __call__(self, *args):
        pass

    def __del__(self):
        self.function()


def turns(loop, count=3):
    async def wait():
        for _ in range(count):
            await asyncio.sleep(0)

    loop.run_until_complete(wait())


DROPS = {}


def drops(function):
    DROPS[function.__name__] = function
    return function


@drops
def callback_that_ran(loop, thing):
    loop.call_soon(thing)


@drops
def argument_of_a_callback(loop, thing):
    loop.call_soon(int.__bool__, 3).cancel()
    loop.call_soon(lambda argument: None, thing)


@drops
def cancelled_callback(loop, thing):
    loop.call_soon(thing).cancel()


@drops
def timer_that_ran(loop, thing):
    loop.call_later(0, thing)


@drops
def cancelled_timer(loop, thing):
    loop.call_later(1000, thing).cancel()


@drops
def threadsafe_callback(loop, thing):
    loop.call_soon_threadsafe(thing)


@drops
def result_of_a_future(loop, thing):
    loop.create_future().set_result(thing)


@drops
def callback_of_a_future(loop, thing):
    future = loop.create_future()
    future.add_done_callback(thing)
    future.remove_done_callback(thing)


@drops
def callback_of_a_finished_future(loop, thing):
    future = loop.create_future()
    future.add_done_callback(thing)
    future.set_result(None)


@drops
def callback_of_a_dropped_future(loop, thing):
    loop.create_future().add_done_callback(thing)


@drops
def local_of_a_task(loop, thing):
    async def work(local):
        await asyncio.sleep(0)

    loop.create_task(work(thing))


@drops
def result_of_a_task(loop, thing):
    async def work(local):
        return local

    loop.create_task(work(thing))


@drops
def attribute_of_a_future(loop, thing):
    future = loop.create_future()
    future.thing = thing


@drops
def replaced_name_of_a_task(loop, thing):
    class Name(str):
        pass

    task = loop.create_task(asyncio.sleep(0))
    task._log_destroy_pending = False
    name = Name("x")
    name.thing = thing
    task.set_name(name)
    task.set_name("y")


@drops
def replaced_exception_handler(loop, thing):
    loop.set_exception_handler(thing)
    loop.set_exception_handler(None)


@drops
def replaced_task_factory(loop, thing):
    loop.set_task_factory(thing)
    loop.set_task_factory(None)


@drops
def replaced_reader(loop, thing):
    import socket

    left, right = socket.socketpair()
    loop.add_reader(left, thing)
    loop.add_reader(left, print)
    loop.add_writer(left, thing)
    loop.remove_writer(left)
    loop.remove_reader(left)
    left.close()
    right.close()


@pytest.fixture(params=DROPS)
def drop(request):
    return DROPS[request.param]


def test_call_soon_from_del(loop, drop):
    seen = []
    drop(loop, OnDelete(lambda: loop.call_soon(seen.append, "called")))
    turns(loop)
    gc.collect()
    turns(loop)
    assert seen == ["called"]


def test_many_calls_from_del(loop, drop):
    """Enough of them that the ready queue has to grow while an entry is being dropped."""
    seen = []

    def burst():
        for number in range(1000):
            loop.call_soon(seen.append, number)
            loop.call_later(1000, seen.append, -1).cancel()

    drop(loop, OnDelete(burst))
    turns(loop)
    gc.collect()
    turns(loop)
    assert seen == list(range(1000))


def test_create_task_and_timers_from_del(loop, drop):
    seen = []

    async def late():
        seen.append("task")

    def schedule():
        loop.create_task(late())
        loop.call_later(0, seen.append, "timer")
        loop.create_future().add_done_callback(seen.append)

    drop(loop, OnDelete(schedule))
    turns(loop)
    gc.collect()
    loop.run_until_complete(asyncio.sleep(0.002))
    assert sorted(seen) == ["task", "timer"]


def test_stop_from_del(loop, drop):
    drop(loop, OnDelete(loop.stop))
    # Not every drop happens in the turn; a loop that is stopped before the run does one turn.
    loop.call_soon(loop.call_soon, loop.stop)
    loop.run_forever()
    gc.collect()
    turns_after_stop(loop)


def turns_after_stop(loop):
    """A stop that was asked for between two runs ends the next one after a turn."""
    loop.stop()
    loop.run_forever()
    assert loop.run_until_complete(asyncio.sleep(0, "runs")) == "runs"


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_close_from_del(loop, drop):
    """In a running loop close() raises, between runs it closes: an exception in __del__ is only
    printed."""
    attempts = []

    def close():
        try:
            loop.close()
        except RuntimeError as error:
            attempts.append(str(error))
        else:
            attempts.append("closed")

    drop(loop, OnDelete(close))
    if not loop.is_closed():
        try:
            turns(loop)
        except RuntimeError as error:
            assert str(error) == "Event loop is closed"
    gc.collect()
    if not attempts:
        loop.close()
        gc.collect()
    assert set(attempts) <= {"Cannot close a running event loop", "closed"}
    assert attempts


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_everything_dropped_by_close(loop_factory, drop):
    """The callbacks a loop still holds die in close(); their ``__del__`` may use the loop once
    more."""
    loop = loop_factory()
    answers = []

    def use():
        try:
            loop.call_soon(print, "never")
        except RuntimeError as error:
            answers.append(str(error))
        loop.close()

    drop(loop, OnDelete(use))
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False
        task = None
    loop.close()
    loop.close()
    gc.collect()
    assert loop.is_closed()
    assert set(answers) <= {"Event loop is closed"}


def test_raising_from_del(loop, drop):
    """The interpreter prints it and goes on; so do we."""
    import sys

    caught = []

    def bad():
        raise LookupError("in __del__")

    previous, sys.unraisablehook = sys.unraisablehook, lambda args: caught.append(args.exc_value)
    try:
        drop(loop, OnDelete(bad))
        turns(loop)
        gc.collect()
    finally:
        sys.unraisablehook = previous
    assert [str(error) for error in caught] == ["in __del__"]
    assert loop.run_until_complete(asyncio.sleep(0, 1)) == 1


@pytest.mark.parametrize("action", ["call_soon", "collect", "cancel"])
def test_weakref_callbacks(loop, action):
    seen = []
    future = loop.create_future()
    task = loop.create_task(asyncio.sleep(1000))

    def gone(ref):
        seen.append("gone")
        {
            "call_soon": lambda: loop.call_soon(seen.append, "soon"),
            "collect": gc.collect,
            "cancel": task.cancel,
        }[action]()

    keep = weakref.ref(future, gone)
    del future
    task.cancel()
    loop.run_until_complete(asyncio.wait([task]))
    turns(loop)
    assert seen[0] == "gone"
    assert keep() is None


def test_collection_at_every_allocation(loop):
    """gc.set_threshold(1) makes the collector run inside almost every allocation of the loop."""
    thresholds = gc.get_threshold()

    async def child(number):
        cycle = []
        cycle.append(cycle)
        future = loop.create_future()
        loop.call_soon(future.set_result, number)
        await asyncio.sleep(0)
        return await future

    async def main():
        return sum(await asyncio.gather(*(child(number) for number in range(200))))

    gc.set_threshold(1)
    try:
        assert loop.run_until_complete(main()) == sum(range(200))
    finally:
        gc.set_threshold(*thresholds)


def test_a_collector_callback_that_schedules(loop):
    seen = []

    def hook(phase, info):
        if phase == "stop":
            loop.call_soon(seen.append, 1)

    gc.callbacks.append(hook)
    try:
        for _ in range(20):
            future = loop.create_future()
            future.me = future
            del future
            gc.collect()
            turns(loop)
    finally:
        gc.callbacks.remove(hook)
    assert len(seen) >= 20
