"""Future and Task can be subclassed: overridden methods are called, attributes are kept, super()
works."""

import asyncio
import gc
import sys
import weakref

import pytest


async def value(result):
    await asyncio.sleep(0)
    return result


def test_a_future_subclass(flavour, loop):
    class Promise(flavour.Future):
        def __init__(self, tag, **kwargs):
            super().__init__(**kwargs)
            self.tag = tag

        def result(self):
            return super().result() + 1

    promise = Promise("tag", loop=loop)
    assert promise.tag == "tag"
    assert isinstance(promise, flavour.Future)
    assert asyncio.isfuture(promise)
    loop.call_soon(promise.set_result, 1)
    assert loop.run_until_complete(promise) == 2


def test_an_overridden_add_done_callback_is_used_by_a_waiting_task(flavour, loop):
    seen = []

    class Promise(flavour.Future):
        def add_done_callback(self, callback, *, context=None):
            seen.append(callback)
            super().add_done_callback(callback, context=context)

    async def main():
        promise = Promise(loop=loop)
        loop.call_soon(promise.set_result, 5)
        return await promise

    assert loop.run_until_complete(main()) == 5
    assert len(seen) == 1


def test_an_overridden_cancel_is_used(flavour, run):
    seen = []

    class Promise(flavour.Future):
        def cancel(self, *args, **kwargs):
            seen.append("cancel")
            return super().cancel(*args, **kwargs)

    async def wait(promise):
        await promise

    async def main():
        promise = Promise(loop=asyncio.get_running_loop())
        task = asyncio.create_task(wait(promise))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    run(main())
    assert seen == ["cancel"]


def test_a_task_subclass(flavour, loop):
    finished = []

    class Job(flavour.Task):
        def __init__(self, coro, *, tag, **kwargs):
            self.tag = tag
            super().__init__(coro, **kwargs)

        def cancel(self, *args, **kwargs):
            finished.append("cancel")
            return super().cancel(*args, **kwargs)

        def set_name(self, name):
            super().set_name(f"job {name}")

    job = Job(value(3), loop=loop, tag="tag")
    job.set_name("x")
    assert (job.tag, job.get_name()) == ("tag", "job x")
    assert repr(job).startswith("<Job pending name='job x' coro=<value() running at ")
    assert loop.run_until_complete(job) == 3
    job.cancel()
    assert finished == ["cancel"]


def test_a_task_subclass_without_init(flavour, loop):
    class Lazy(flavour.Task):
        def __init__(self):
            pass

    lazy = Lazy()
    with pytest.raises((RuntimeError, AttributeError)):
        lazy.get_loop()
    repr(Lazy)
    del lazy
    gc.collect()


def test_subclasses_die_and_can_be_weakly_referenced(flavour, loop):
    class Promise(flavour.Future):
        pass

    class Slotted(flavour.Future):
        __slots__ = ("extra",)

    for kind in (Promise, Slotted):
        promise = kind(loop=loop)
        promise.extra = promise
        gone = weakref.ref(promise)
        del promise
        gc.collect()
        assert gone() is None


def test_del_in_a_subclass_runs_once_and_can_resurrect(flavour, loop):
    kept = []

    class Phoenix(flavour.Future):
        def __del__(self):
            kept.append(self)

    Phoenix(loop=loop)
    gc.collect()
    (phoenix,) = kept
    phoenix.set_result(1)
    assert phoenix.result() == 1
    kept.clear()
    del phoenix
    gc.collect()
    assert kept == []


def test_multiple_inheritance(flavour, loop):
    class Mixin:
        def double(self):
            return 2 * self.result()

    class Promise(Mixin, flavour.Future):
        pass

    promise = Promise(loop=loop)
    promise.set_result(4)
    assert promise.double() == 8


def test_generic_subclass(flavour, loop):
    from typing import Generic, TypeVar

    T = TypeVar("T")

    class Promise(flavour.Future, Generic[T]):
        pass

    promise = Promise(loop=loop)
    promise.set_result(1)
    assert loop.run_until_complete(promise) == 1


@pytest.mark.skipif(sys.version_info >= (3, 15), reason="3.15 refuses a second __init__")
def test_init_called_twice_on_a_task(flavour, loop):
    task = flavour.Task(value(1), loop=loop)
    assert loop.run_until_complete(task) == 1
    task.__init__(value(2), loop=loop, name="second")
    assert task.get_name() == "second"
    assert loop.run_until_complete(task) == 2
    task.__init__(value(3), loop=loop)
    assert task.get_name().startswith("Task-")
    assert loop.run_until_complete(task) == 3


def test_attributes_on_plain_instances(loop):
    future = loop.create_future()
    future.mark = 1
    assert future.mark == 1
    with pytest.raises(AttributeError):
        future._state = "FINISHED"
    future.cancel()
