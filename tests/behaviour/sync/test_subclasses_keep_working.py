"""What a subclass, an object or a test has replaced is called, as asyncio's own code would call it."""

import asyncio
import collections
import unittest.mock

import pytest


async def handed_over(queue, items):
    """Through waiting getters and putters alike."""
    getters = [asyncio.ensure_future(queue.get()) for _ in items]
    await asyncio.sleep(0)
    for item in items:
        await queue.put(item)
    return [await getter for getter in getters]


def test_a_queue_with_another_storage(run, lib):
    class SetQueue(lib.Queue):
        def _init(self, maxsize):
            self.calls = ["init"]
            self._queue = set()

        def _put(self, item):
            self.calls.append("put")
            self._queue.add(item)

        def _get(self):
            self.calls.append("get")
            return self._queue.pop()

    async def main():
        queue = SetQueue(2)
        assert await handed_over(queue, [1]) == [1]
        queue.put_nowait(2)
        queue.put_nowait(2)
        assert queue.qsize() == 1 and not queue.full() and queue.get_nowait() == 2
        assert queue.calls == ["init", "put", "get", "put", "put", "get"]
        assert repr(queue).endswith(" maxsize=2 tasks=3>")

    run(main())


def test_a_queue_that_calls_its_base(run, lib):
    class Counting(lib.PriorityQueue):
        puts = gets = 0

        def _put(self, item):
            self.puts += 1
            super()._put((-item, item))

        def _get(self):
            self.gets += 1
            return super()._get()[1]

    async def main():
        queue = Counting()
        for item in (1, 3, 2):
            await queue.put(item)
        assert [await queue.get() for _ in range(3)] == [3, 2, 1]
        assert (queue.puts, queue.gets) == (3, 3)

    run(main())


def test_a_queue_with_its_own_idea_of_empty_and_full(run, lib):
    class Gate(lib.Queue):
        open = False

        def empty(self):
            return not self.open or super().empty()

        def full(self):
            return not self.open

    async def main():
        queue = Gate()
        putter, getter = asyncio.ensure_future(queue.put(1)), asyncio.ensure_future(queue.get())
        await asyncio.sleep(0)
        assert len(queue._putters) == len(queue._getters) == 1
        queue.open = True
        queue._wakeup_next(queue._putters)
        await putter
        assert await getter == 1

    run(main())


def test_a_queue_whose_getters_are_woken_otherwise(run, lib):
    class LastFirst(lib.Queue):
        def _wakeup_next(self, waiters):
            while waiters:
                waiter = waiters.pop()
                if not waiter.done():
                    waiter.set_result(None)
                    break

    async def main():
        queue, order = LastFirst(), []

        async def get(name):
            order.append((name, await queue.get()))

        tasks = [asyncio.ensure_future(get(name)) for name in "abc"]
        await asyncio.sleep(0)
        for item in range(3):
            await queue.put(item)
        await asyncio.gather(*tasks)
        assert order == [("c", 0), ("b", 1), ("a", 2)]

    run(main())


def test_a_queue_with_its_own_put_and_get(run, lib):
    class Doubling(lib.Queue):
        async def put(self, item):
            await super().put(item * 2)

        async def get(self):
            return await super().get() + 1

        def get_nowait(self):
            return super().get_nowait() * 10

    async def main():
        assert await handed_over(Doubling(), [1, 2]) == [21, 41]

    run(main())


def test_a_lock_that_counts(run, lib):
    class Counting(lib.Lock):
        acquired = released = 0

        async def acquire(self):
            self.acquired += 1
            return await super().acquire()

        def release(self):
            self.released += 1
            super().release()

    async def main():
        lock = Counting()

        async def use():
            async with lock:
                await asyncio.sleep(0)

        await asyncio.gather(use(), use(), use())
        assert (lock.acquired, lock.released) == (3, 3)
        condition = lib.Condition(lock)
        async with condition:
            waiting = asyncio.ensure_future(asyncio.wait_for(condition.wait(), 0.001))
            with pytest.raises(TimeoutError):
                await waiting
        assert lock.acquired == lock.released == 5

    run(main())


def test_a_semaphore_that_counts(run, lib):
    class Counting(lib.BoundedSemaphore):
        released = 0

        def release(self):
            self.released += 1
            super().release()

    async def main():
        semaphore = Counting(1)

        async def use():
            async with semaphore:
                await asyncio.sleep(0)

        await asyncio.gather(use(), use(), use())
        assert semaphore.released == 3
        with pytest.raises(ValueError, match="^BoundedSemaphore released too many times$"):
            semaphore.release()

    run(main())


@pytest.mark.parametrize("value", [True, 1.0, 2.5])
def test_a_semaphore_of_something_that_is_no_int(run, lib, value):
    async def main():
        semaphore = lib.Semaphore(value)
        async with semaphore:
            assert semaphore._value == value - 1

    run(main())
    with pytest.raises(ValueError, match="^Semaphore initial value must be >= 0$"):
        lib.Semaphore(-value)


@pytest.mark.parametrize("limit", [float("inf"), 1.5, True])
def test_a_queue_of_a_size_that_is_no_int(run, lib, limit):
    async def main():
        queue = lib.Queue(limit)
        await queue.put(1)
        assert queue.full() == (limit == 1)
        assert queue.maxsize == limit

    run(main())


def test_one_object_can_be_patched(run, lib):
    async def main():
        queue = lib.Queue()
        queue.put_nowait(1)
        with unittest.mock.patch.object(queue, "get_nowait", return_value="patched"):
            assert await queue.get() == "patched"
        assert await queue.get() == 1
        lock = lib.Lock()
        with unittest.mock.patch.object(lock, "release") as release:
            async with lock:
                pass
        release.assert_called_once_with()
        assert lock.locked()

    run(main())


def test_a_class_can_be_patched_and_restored(run, lib):
    async def main():
        queue = lib.Queue()
        queue.put_nowait(1)
        with unittest.mock.patch.object(lib.Queue, "_get", lambda self: "patched"):
            assert await queue.get() == "patched"
        assert await queue.get() == 1

    run(main())


def test_the_deques_are_live(run, lib):
    """A program that keeps what an attribute gave it sees what happens, and can change it."""

    async def main():
        queue = lib.Queue()
        items, getters = queue._queue, queue._getters
        assert type(items) is type(getters) is collections.deque
        getting = [asyncio.ensure_future(queue.get()) for _ in range(2)]
        await asyncio.sleep(0)
        assert len(getters) == 2
        queue.put_nowait(1)
        assert list(items) == [1] and len(getters) == 1
        items.appendleft(0)
        assert await getting[0] == 0 and queue.qsize() == 1
        getting[1].cancel()
        await asyncio.sleep(0)
        assert not getters and await queue.get() == 1
        queue._queue = collections.deque([5], maxlen=1)
        queue.put_nowait(6)
        assert list(queue._queue) == [6]
        await queue.get()
        queue.put_nowait(7)
        assert queue._queue.maxlen == 1
        lock = lib.Lock()
        assert lock._waiters is None
        await lock.acquire()
        waiting = asyncio.ensure_future(lock.acquire())
        await asyncio.sleep(0)
        waiters = lock._waiters
        (future,) = waiters
        lock.release()
        assert future.done() and await waiting and not waiters

    run(main())


def test_a_condition_that_hides_the_locks_methods(run, lib):
    class Odd(lib.Condition):
        def locked(self):
            raise AssertionError("the lock's own, set by __init__, comes first")

    async def main():
        condition = Odd()
        assert not condition.locked()
        async with condition:
            condition.notify()

    run(main())


def test_a_condition_over_something_that_only_looks_like_a_lock(run, lib):
    class Fake:
        held = False

        def locked(self):
            return self.held

        async def acquire(self):
            self.held = True
            return True

        def release(self):
            self.held = False

    async def main():
        condition = lib.Condition(Fake())
        async with condition:
            waiting = asyncio.ensure_future(condition.wait_for(lambda: True))
            assert await waiting is True
            assert condition._lock.held
        assert not condition._lock.held
        with pytest.raises(AttributeError):
            lib.Condition(object())

    run(main())
