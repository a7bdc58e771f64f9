"""Futures and tasks can be weakly referenced, die when nobody holds them, and take part in garbage
collection."""

import asyncio
import gc
import weakref

import pytest


def test_a_future_dies_with_its_last_reference(loop):
    gc.disable()
    try:
        future = loop.create_future()
        gone = weakref.ref(future)
        del future
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "finish", [lambda f: None, lambda f: f.set_result(f), lambda f: f.cancel()]
)
def test_a_future_in_a_cycle_with_itself(loop, finish):
    future = loop.create_future()
    future.myself = future
    finish(future)
    gone = weakref.ref(future)
    del future
    gc.collect()
    assert gone() is None


def test_a_future_in_a_cycle_through_its_callback(loop):
    future = loop.create_future()
    future.add_done_callback(lambda f, future=future: None)
    gone = weakref.ref(future)
    del future
    gc.collect()
    assert gone() is None


def test_a_future_in_a_cycle_through_its_exception(loop):
    future = loop.create_future()
    error = ValueError()
    error.future = future
    future.set_exception(error)
    future.exception()
    gone = weakref.ref(future)
    del future, error
    gc.collect()
    assert gone() is None


def test_callbacks_and_result_are_let_go(loop):
    class Thing:
        pass

    class Callback(Thing):
        def __call__(self, future):
            pass

    callback, result = Callback(), Thing()
    gone = [weakref.ref(callback), weakref.ref(result)]
    future = loop.create_future()
    future.add_done_callback(callback)
    future.set_result(result)
    loop.stop()
    loop.run_forever()
    del callback, result
    assert gone[0]() is None, "a callback that ran is not kept"
    del future
    assert gone[1]() is None


def test_a_finished_task_lets_go_of_its_coroutine_frame(loop):
    class Thing:
        pass

    gone = []

    async def work():
        thing = Thing()
        gone.append(weakref.ref(thing))
        await asyncio.sleep(0)

    task = loop.create_task(work())
    loop.run_until_complete(task)
    assert gone[0]() is None
    assert task.done()


def test_a_finished_task_dies_with_its_last_reference(loop):
    gc.collect()
    gc.disable()
    try:
        task = loop.create_task(asyncio.sleep(0))
        loop.run_until_complete(task)
        gone = weakref.ref(task)
        del task
        assert gone() is None
    finally:
        gc.enable()


def test_an_abandoned_pending_task_is_collected_and_reported(loop, reported):
    """The task waits for a future that only the task's own frame knows: an unreachable cycle."""
    loop.set_exception_handler(reported)
    started = []

    async def wait_for_nothing():
        future = loop.create_future()
        started.append(True)
        await future

    async def main():
        task = asyncio.create_task(wait_for_nothing())
        await asyncio.sleep(0)
        return weakref.ref(task)

    gone = loop.run_until_complete(main())
    gc.collect()
    assert gone() is None
    assert started == [True]
    (context,) = reported
    assert context["message"] == "Task was destroyed but it is pending!"
    assert isinstance(context["task"], asyncio.Task)
    assert "exception" not in context


def test_abandoned_tasks_are_collected_in_crowds(loop, reported):
    loop.set_exception_handler(reported)

    async def wait_for_nothing():
        await loop.create_future()

    async def main():
        for _ in range(500):
            asyncio.create_task(wait_for_nothing())
        await asyncio.sleep(0)

    loop.run_until_complete(main())
    gc.collect()
    assert reported.messages == ["Task was destroyed but it is pending!"] * 500


def test_the_report_of_a_destroyed_task_can_be_switched_off(loop, reported):
    loop.set_exception_handler(reported)

    async def main():
        task = asyncio.create_task(_wait_for_ever(loop))
        await asyncio.sleep(0)
        task._log_destroy_pending = False

    loop.run_until_complete(main())
    gc.collect()
    assert reported == []


async def _wait_for_ever(loop):
    await loop.create_future()


def test_a_task_that_waits_for_a_reachable_future_stays_alive(loop):
    async def wait(future):
        return await future

    async def main():
        future = loop.create_future()
        gone = weakref.ref(asyncio.create_task(wait(future)))
        await asyncio.sleep(0)
        gc.collect()
        assert gone() is not None
        future.set_result("alive")
        return await gone()

    assert loop.run_until_complete(main()) == "alive"


def test_two_tasks_waiting_for_each_other_are_collected(loop, reported):
    loop.set_exception_handler(reported)

    async def wait(others):
        await others[0]

    async def main():
        first, second = [], []
        tasks = [asyncio.create_task(wait(first)), asyncio.create_task(wait(second))]
        first.append(tasks[1])
        second.append(tasks[0])
        await asyncio.sleep(0)
        return [weakref.ref(task) for task in tasks]

    gone = loop.run_until_complete(main())
    gc.collect()
    assert [ref() for ref in gone] == [None, None]
    assert len(reported) == 2


def test_weak_callbacks_run_after_the_loop_is_closed(loop):
    seen = []
    future = loop.create_future()
    keep = weakref.ref(future, seen.append)
    loop.close()
    del future
    assert seen == [keep]


def test_weak_containers_hold_futures_and_tasks(loop):
    futures = weakref.WeakSet()
    names = weakref.WeakKeyDictionary()
    future = loop.create_future()
    futures.add(future)
    names[future] = "name"
    assert future in futures
    assert names[future] == "name"
    del future
    assert len(futures) == 0


def test_the_loop_does_not_keep_pending_futures_or_cancelled_handles(loop):
    class Thing:
        def method(self):
            pass

    thing = Thing()
    gone = weakref.ref(thing)
    loop.call_soon(thing.method).cancel()
    loop.call_later(10_000, thing.method).cancel()
    del thing
    assert gone() is None


def test_an_unreachable_loop_is_collected(loop_factory):
    with pytest.warns(ResourceWarning):
        loop = loop_factory()
        future = loop.create_future()
        loop.call_later(1000, future.set_result, None)
        loop.call_soon(lambda loop=loop: loop)
        loop.reader = future
        gone = weakref.ref(loop)
        del loop, future
        gc.collect()
        assert gone() is None


def test_gc_get_referents_sees_through(loop):
    """The collector can only free what it can traverse."""
    result = ["result"]
    future = loop.create_future()
    future.set_result(result)
    assert any(item is result for item in gc.get_referents(future))
    assert gc.is_tracked(future)
