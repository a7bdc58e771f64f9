"""Whoever asks is told that these are asyncio's classes: type checks, signatures, copies, pickles, loops."""

import asyncio
import copy
import gc
import inspect
import pickle
import sys
import weakref

import pytest

NAMES = {
    "Lock": (),
    "Event": (),
    "Condition": (),
    "Barrier": (3,),
    "Semaphore": (3,),
    "BoundedSemaphore": (3,),
    "Queue": (3,),
    "PriorityQueue": (3,),
    "LifoQueue": (3,),
}


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


@pytest.fixture
def make(lib, name):
    return lambda: getattr(lib, name)(*NAMES[name])


def test_is_instance_and_is_subclass_hold(lib, name, make):
    ours, theirs = getattr(lib, name), getattr(asyncio, name)
    assert issubclass(ours, theirs)
    assert isinstance(make(), theirs)
    assert ours.__name__ == ours.__qualname__ == name
    assert ours.__doc__ == theirs.__doc__
    assert issubclass(lib.BoundedSemaphore, lib.Semaphore)
    assert issubclass(lib.PriorityQueue, lib.Queue) and issubclass(lib.LifoQueue, lib.Queue)


def test_signatures_and_docstrings(lib, name):
    ours, theirs = getattr(lib, name), getattr(asyncio, name)
    assert inspect.signature(ours) == inspect.signature(theirs)
    for method, function in inspect.getmembers(theirs, inspect.isfunction):
        mine = getattr(ours, method)
        assert inspect.signature(mine) == inspect.signature(function), method
        assert inspect.iscoroutinefunction(mine) == inspect.iscoroutinefunction(function), method
        assert mine.__doc__ == function.__doc__
        assert mine.__qualname__ == function.__qualname__


def test_a_coroutine_that_nobody_awaits_is_named(make, name):
    function = "get" if "Queue" in name else "wait" if name in ("Event", "Barrier") else "acquire"
    object = make()
    qualname = getattr(object, function).__qualname__
    with pytest.warns(RuntimeWarning, match=f"coroutine '{qualname}' was never awaited"):
        getattr(object, function)()
        gc.collect()


def test_arguments_that_do_not_fit_are_refused_in_the_same_words(lib, name, make):
    theirs = getattr(asyncio, name)
    for method, function in inspect.getmembers(theirs, inspect.isfunction):
        if method == "__init__" or (name, method) == ("Barrier", "__aexit__"):  # which takes whatever there is
            continue
        complaints = []
        for object in (make(), theirs(*NAMES[name])):
            with pytest.raises(TypeError) as caught:
                getattr(object, method)(1, 2, 3, 4, 5, 6)
            complaints.append(str(caught.value))
        assert complaints[0] == complaints[1]


def test_a_repr_says_what_it_does_in_asyncio(make, name):
    object = make()
    plain = getattr(asyncio, name)(*NAMES[name])
    address = f"{id(object):#x}"
    mine = repr(object).replace(type(object).__module__, "asyncio").replace(address, "0x")
    theirs = repr(plain).replace(type(plain).__module__, "asyncio").replace(f"{id(plain):#x}", "0x")
    assert mine == theirs


def test_copies_and_pickles(make, name):
    object = make()
    object.extra = ["mine"]
    if "Queue" in name:
        object.put_nowait(1)
    for other in (copy.copy(object), copy.deepcopy(object), pickle.loads(pickle.dumps(object))):
        assert type(other) is type(object)
        assert other.extra == ["mine"]
        if "Queue" in name:
            assert (other.maxsize, other.get_nowait()) == (3, 1)
            if other._queue is object._queue:
                object.put_nowait(1)
        elif "Semaphore" in name:
            assert other._value == 3
            if name == "BoundedSemaphore":
                with pytest.raises(ValueError, match="^BoundedSemaphore released too many times$"):
                    other.release()
        elif name == "Barrier":
            assert (other.parties, other.n_waiting, other.broken) == (3, 0, False)
        elif name != "Event":
            assert not other.locked()


def test_they_can_have_attributes_and_be_referred_to_weakly(make):
    object = make()
    object.mine = object
    alive = weakref.ref(object)
    del object
    gc.collect()
    assert alive() is None


def test_one_with_waiters_in_a_cycle_is_collected(run, make, name):
    async def main():
        object = make()
        object.mine = object
        if name == "Condition":
            await object.acquire()
            coroutine = object.wait()
        elif name in ("Event", "Barrier"):
            coroutine = object.wait()
        elif "Queue" in name:
            coroutine = object.get()
        else:
            while not object.locked():
                await object.acquire()
            coroutine = object.acquire()
        coroutine.send(None)._asyncio_future_blocking = False
        object.coroutine = coroutine
        if name == "Condition":
            # It insists on the lock, which it gets; `close()` is content with that.
            assert not object.locked()
        alive = weakref.ref(object)
        del object, coroutine
        gc.collect()
        gc.collect()
        assert alive() is None

    run(main())


def test_another_loop_is_refused(name, make, flavour):
    object = make()
    method = "wait" if name in ("Event", "Condition", "Barrier") else "get" if "Queue" in name else "acquire"

    async def wait():
        if name == "Condition":
            await object.acquire()
        elif hasattr(object, "locked"):
            while not object.locked():
                await object.acquire()
        task = asyncio.ensure_future(getattr(object, method)())
        await asyncio.sleep(0)
        if task.done():
            return task.exception()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if name == "Condition":
            object.release()

    bound = object._cond if name == "Barrier" else object
    assert bound._loop is None
    with asyncio.Runner(loop_factory=flavour.new_event_loop) as runner:
        assert runner.run(wait()) is None
        assert bound._loop is runner.get_loop()
    with asyncio.Runner(loop_factory=flavour.new_event_loop) as runner:
        error = runner.run(wait())
    assert type(error) is RuntimeError
    assert str(error).endswith(" is bound to a different event loop")


def test_what_needs_no_wait_needs_no_loop(lib):
    lock = lib.Lock()
    with pytest.raises(StopIteration) as stop:
        lock.acquire().send(None)
    assert stop.value.value is True
    with pytest.raises(AttributeError, match="^'NoneType' object has no attribute 'create_future'$"):
        lock.acquire().send(None)
    queue = lib.Queue()
    with pytest.raises(StopIteration):
        queue.put((1, 2)).send(None)
    with pytest.raises(StopIteration) as stop:
        queue.get().send(None)
    assert stop.value.value == (1, 2)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="queues can be shut down since 3.13")
def test_the_exceptions_are_the_stdlibs(run, lib):
    async def main():
        queue = lib.Queue(1)
        with pytest.raises(asyncio.QueueEmpty):
            queue.get_nowait()
        queue.put_nowait(1)
        with pytest.raises(asyncio.QueueFull):
            queue.put_nowait(2)
        waiting = asyncio.ensure_future(queue.put(2))
        await asyncio.sleep(0)
        queue.shutdown()
        with pytest.raises(asyncio.QueueShutDown):
            await waiting
        assert await queue.get() == 1
        for refused in (queue.get, lambda: queue.put(3)):
            with pytest.raises(asyncio.QueueShutDown):
                await refused()

    run(main())


def test_a_queue_of_something(lib):
    alias = lib.Queue[int]
    assert alias.__origin__ is lib.Queue and alias.__args__ == (int,)
    assert isinstance(alias(2), lib.Queue)
