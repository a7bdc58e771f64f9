"""Cancellation in every state, code that comes back in the middle, errors where none are expected."""

import asyncio
import gc
import weakref

import pytest


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_woken_waiter_that_is_cancelled_hands_the_lock_on(run, lib):
    async def main():
        lock = lib.Lock()
        await lock.acquire()
        first, second = (asyncio.ensure_future(lock.acquire()) for _ in range(2))
        await asyncio.sleep(0)
        lock.release()
        first.cancel("enough")
        with pytest.raises(asyncio.CancelledError, match="enough"):
            await first
        assert await second is True and lock.locked()

    run(main())


def test_nobody_overtakes_a_woken_waiter(run, lib):
    async def main():
        lock, order = lib.Lock(), []

        async def take(name):
            async with lock:
                order.append(name)

        await lock.acquire()
        waiting = asyncio.ensure_future(take("waited"))
        await asyncio.sleep(0)
        lock.release()
        await take("came later")
        await waiting
        assert order == ["waited", "came later"]

    run(main())


def test_woken_and_cancelled_a_getter_hands_the_item_on(run, lib):
    async def main():
        queue = lib.Queue()
        first, second = (asyncio.ensure_future(queue.get()) for _ in range(2))
        await asyncio.sleep(0)
        queue.put_nowait("item")
        first.cancel()
        await settle()
        assert first.cancelled() and second.done() and second.result() == "item"

    run(main())


def test_woken_and_cancelled_a_putter_hands_the_room_on(run, lib):
    async def main():
        queue = lib.Queue(1)
        queue.put_nowait(0)
        first, second = (asyncio.ensure_future(queue.put(number)) for number in (1, 2))
        await asyncio.sleep(0)
        assert queue.get_nowait() == 0
        first.cancel()
        await settle()
        assert first.cancelled() and second.done() and queue.get_nowait() == 2

    run(main())


def test_a_woken_acquirer_that_is_cancelled_gives_the_unit_back(run, lib):
    async def main():
        semaphore = lib.Semaphore(0)
        first, second = (asyncio.ensure_future(semaphore.acquire()) for _ in range(2))
        await asyncio.sleep(0)
        semaphore.release()
        first.cancel()
        await settle()
        assert second.done() and semaphore._value == 0 and semaphore.locked()

    run(main())


def test_a_condition_gets_its_lock_back_however_often_it_is_cancelled(run, lib):
    async def main():
        condition = lib.Condition()

        async def wait():
            async with condition:
                try:
                    await condition.wait()
                finally:
                    assert condition.locked()

        waiting = asyncio.ensure_future(wait())
        await settle()
        await condition.acquire()
        for _ in range(3):
            waiting.cancel()
            await settle()
            assert not waiting.done()
        condition.release()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not condition.locked()

    run(main())


@pytest.mark.parametrize("kind", ["Queue", "LifoQueue", "PriorityQueue"])
def test_an_item_that_uses_the_queue_when_it_dies(run, lib, kind):
    async def main():
        queue = getattr(lib, kind)()

        class Item:
            def __lt__(self, other):
                return False

            def __del__(self):
                queue.put_nowait(0)

        queue.put_nowait(Item())
        queue.get_nowait()
        gc.collect()
        assert queue.qsize() == 1 and await queue.get() == 0

    run(main())


def test_an_item_that_changes_the_heap_while_it_is_compared(run, lib):
    async def main():
        queue = lib.PriorityQueue()

        class Item:
            def __init__(self, number):
                self.number = number

            def __lt__(self, other):
                queue._queue.clear()
                return self.number < other.number

        queue.put_nowait(Item(1))
        try:
            queue.put_nowait(Item(0))
        except (IndexError, RuntimeError):
            pass
        queue.qsize()

    run(main())


def test_an_item_that_cannot_be_compared(run, lib):
    async def main():
        queue = lib.PriorityQueue()
        await queue.put(1)
        with pytest.raises(TypeError, match="not supported between"):
            await queue.put("one")

    run(main())


def test_a_coroutine_thrown_into_or_closed_leaves_the_line(run, lib):
    async def main():
        lock, queue, event = lib.Lock(), lib.Queue(), lib.Event()
        await lock.acquire()
        for make, waiters in (
            (lock.acquire, lambda: lock._waiters),
            (queue.get, lambda: queue._getters),
            (event.wait, lambda: event._waiters),
        ):
            for end in ("close", "throw"):
                coroutine = make()
                coroutine.send(None)._asyncio_future_blocking = False
                assert len(waiters()) == 1
                if end == "close":
                    coroutine.close()
                else:
                    with pytest.raises(LookupError):
                        coroutine.throw(LookupError())
                assert not waiters()

    run(main())


def test_a_waiter_set_by_somebody_else(run, lib):
    """The futures in `_waiters` are futures: a program may finish one."""

    async def main():
        event = lib.Event()
        waiting = asyncio.ensure_future(event.wait())
        await asyncio.sleep(0)
        event._waiters[0].set_exception(LookupError("mine"))
        with pytest.raises(LookupError, match="mine"):
            await waiting
        assert not event._waiters and not event.is_set()
        lock = lib.Lock()
        await lock.acquire()
        waiting = asyncio.ensure_future(lock.acquire())
        await asyncio.sleep(0)
        lock._waiters.clear()
        lock.release()
        assert not lock.locked()
        waiting.cancel()
        with pytest.raises((asyncio.CancelledError, ValueError)):
            await waiting

    run(main())


def test_what_came_out_of_a_queue_is_not_held(run, lib):
    class Item:
        pass

    async def main():
        queue = lib.Queue()
        for wait in (True, False):
            item = Item()
            alive = weakref.ref(item)
            getting = asyncio.ensure_future(queue.get()) if wait else None
            await asyncio.sleep(0)
            await queue.put(item)
            del item
            await (getting if wait else queue.get())
            del getting
            await asyncio.sleep(0)
            gc.collect()
            assert alive() is None

    run(main())


def test_join_waits_for_everything(run, lib):
    async def main():
        queue = lib.Queue()
        await queue.join()
        for number in range(3):
            queue.put_nowait(number)
        joining = [asyncio.ensure_future(queue.join()) for _ in range(2)]
        for _ in range(3):
            await settle()
            assert not any(task.done() for task in joining)
            await queue.get()
            queue.task_done()
        await asyncio.gather(*joining)
        assert queue._finished.is_set()
        with pytest.raises(ValueError, match=r"^task_done\(\) called too many times$"):
            queue.task_done()

    run(main())


def test_under_the_tasks_of_the_other_implementation(lib):
    """CPython's own Task, C and Python, on whatever loop there is."""

    async def main():
        loop = asyncio.get_running_loop()
        queue, lock, results = lib.Queue(1), lib.Lock(), []

        async def produce():
            for number in range(10):
                await queue.put(number)

        async def consume():
            for _ in range(10):
                item = await queue.get()
                async with lock:
                    await asyncio.sleep(0)
                    results.append(item)

        for Task in (asyncio.tasks._CTask, asyncio.tasks._PyTask):
            await asyncio.gather(Task(produce(), loop=loop), Task(consume(), loop=loop))
        assert results == [*range(10), *range(10)]

    for factory in (asyncio.new_event_loop, getattr(lib, "new_event_loop", None)):
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(main())


def test_a_loop_that_is_closed_in_the_meantime(flavour, lib):
    event = lib.Event()

    async def main():
        asyncio.ensure_future(event.wait())
        await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=flavour.new_event_loop) as runner:
        runner.run(main())
    event.set()
    assert event.is_set()
