"""`ferrio.CrossQueue`: every item arrives once, in order, whoever is cancelled and whichever loop is closed meanwhile."""

import asyncio
import collections
import copy
import gc
import inspect
import random
import sys
import threading
import weakref

import pytest
from flavours import ONLY_STOCK

if ONLY_STOCK:
    pytest.skip("ferrio only", allow_module_level=True)

import ferrio
from ferrio import CrossQueue, QueueShutDown

LOOPS = {"ferrio": ferrio.new_event_loop, "asyncio": asyncio.new_event_loop}
try:
    import uvloop
except ImportError:
    pass
else:
    LOOPS["uvloop"] = uvloop.new_event_loop
    # Its first loop opens descriptors that stay.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.sleep(0))


@pytest.fixture(params=LOOPS)
def loop_factory(request):
    return LOOPS[request.param]


@pytest.fixture(params=LOOPS)
def other_factory(request):
    """The loop of another thread."""
    return LOOPS[request.param]


async def turns(count=4):
    for _ in range(count):
        await asyncio.sleep(0)


def in_thread(factory, main):
    """Starts ``main()`` on a loop in a thread; the thread, and a list that will have its result or exception."""
    outcome = []

    def target():
        with asyncio.Runner(loop_factory=factory) as runner:
            try:
                outcome.append(runner.run(main()))
            except Exception as error:
                outcome.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    return thread, outcome


def test_it_is_asyncios_queue_within_one_loop(run):
    async def main():
        queue = CrossQueue(2)
        assert (queue.maxsize, queue.qsize(), queue.empty(), queue.full()) == (2, 0, True, False)
        await queue.put(1)
        queue.put_nowait(2)
        assert (queue.qsize(), queue.empty(), queue.full()) == (2, False, True)
        with pytest.raises(asyncio.QueueFull):
            queue.put_nowait(3)
        putting = asyncio.create_task(queue.put(3))
        await turns()
        assert not putting.done()
        assert [await queue.get(), queue.get_nowait()] == [1, 2]
        await putting
        assert await queue.get() == 3
        with pytest.raises(asyncio.QueueEmpty):
            queue.get_nowait()
        joining = asyncio.create_task(queue.join())
        await turns()
        for _ in range(3):
            assert not joining.done()
            queue.task_done()
        await joining
        await queue.join()
        with pytest.raises(ValueError, match="^task_done\\(\\) called too many times$"):
            queue.task_done()

    run(main())


@pytest.mark.parametrize("maxsize", (0, -1))
def test_without_a_limit_it_is_never_full(maxsize):
    queue = CrossQueue(maxsize)
    for number in range(1000):
        queue.put_nowait(number)
    assert not queue.full() and queue.qsize() == 1000


def test_what_waits_needs_a_running_loop():
    with pytest.raises(RuntimeError, match="^no running event loop$"):
        CrossQueue().get().send(None)
    queue = CrossQueue(1)
    with pytest.raises(StopIteration):
        queue.put(1).send(None)
    with pytest.raises(RuntimeError, match="^no running event loop$"):
        queue.put(2).send(None)


def test_between_two_loops(run, other_factory):
    there, back = CrossQueue(), CrossQueue(3)

    async def echo():
        while (item := await there.get()) is not None:
            await back.put(item)

    async def main():
        for number in range(100):
            await there.put(number)
            if number % 3 == 0:
                await asyncio.sleep(0)
        return [await back.get() for _ in range(100)]

    thread, outcome = in_thread(other_factory, echo)
    assert run(main()) == list(range(100))
    there.put_nowait(None)
    thread.join()
    assert outcome == [None]


def test_a_plain_thread_wakes_a_sleeping_loop(run):
    queue = CrossQueue()

    async def main():
        getting = asyncio.create_task(queue.get())
        await turns()
        thread = threading.Thread(target=queue.put_nowait, args=("item",))
        thread.start()
        assert await getting == "item"
        thread.join()

    run(main())


def test_first_come_first_served(run):
    async def main():
        queue = CrossQueue()
        got = []

        async def get(name):
            got.append((name, await queue.get()))

        tasks = [asyncio.create_task(get(name)) for name in range(5)]
        await turns()
        for item in "abcde":
            queue.put_nowait(item)
        await asyncio.gather(*tasks)
        assert got == list(enumerate("abcde"))

    run(main())


def test_one_who_was_woken_in_vain_keeps_his_place(run):
    async def main():
        queue = CrossQueue()
        got = []

        async def get(name):
            got.append((name, await queue.get()))

        tasks = [asyncio.create_task(get(name)) for name in range(2)]
        await turns()
        queue.put_nowait("a")
        assert queue.get_nowait() == "a"
        await turns()
        queue.put_nowait("b")
        await turns()
        queue.put_nowait("c")
        await asyncio.gather(*tasks)
        assert got == [(0, "b"), (1, "c")]

    run(main())


@pytest.mark.parametrize("woken", (False, True))
def test_a_cancelled_get_takes_nothing(run, woken):
    async def main():
        queue = CrossQueue()
        first, second = (asyncio.create_task(queue.get()) for _ in range(2))
        await turns()
        if woken:
            queue.put_nowait("item")
        first.cancel()
        await turns()
        assert first.cancelled()
        if not woken:
            queue.put_nowait("item")
        assert await second == "item"
        assert repr(queue).endswith(" maxsize=0 items=0 tasks=1>")

    run(main())


@pytest.mark.parametrize("woken", (False, True))
def test_a_cancelled_put_leaves_its_room(run, woken):
    async def main():
        queue = CrossQueue(1)
        queue.put_nowait("before")
        first, second = (asyncio.create_task(queue.put(item)) for item in "ab")
        await turns()
        if woken:
            queue.get_nowait()
        first.cancel()
        await turns()
        assert first.cancelled()
        if not woken:
            queue.get_nowait()
        await second
        assert queue.get_nowait() == "b"

    run(main())


@pytest.mark.parametrize("posted", (False, True))
def test_a_loop_that_is_closed_does_not_keep_others_waiting(run, other_factory, posted):
    """One waits in a loop that is closed before he is woken, or after the call is on its way there."""
    queue = CrossQueue()
    closing = other_factory()
    lost = []

    async def wait_there():
        lost.append(asyncio.get_running_loop().create_task(queue.get()))
        lost[0]._log_destroy_pending = False
        await turns()

    closing.run_until_complete(wait_there())

    async def main():
        getting = asyncio.create_task(queue.get())
        await turns()
        if posted:
            queue.put_nowait("item")
            await turns()
            assert not getting.done()
            closing.close()
        else:
            closing.close()
            queue.put_nowait("item")
        assert await getting == "item"

    run(main())
    assert not lost[0].done()


def test_a_task_that_dies_while_it_waits_wakes_the_next(run):
    async def main():
        queue = CrossQueue()
        getting = [queue.get() for _ in range(2)]
        waiting = getting[0].send(None)
        waiting._asyncio_future_blocking = False
        second = asyncio.create_task(getting[1])
        await turns()
        queue.put_nowait("item")
        await turns()
        assert not second.done()
        del waiting, getting
        gc.collect()
        assert await second == "item"

    run(main())


@pytest.mark.parametrize("immediate", (False, True))
def test_shutdown(run, immediate):
    async def main():
        queue = CrossQueue(2)
        queue.put_nowait(1)
        queue.put_nowait(2)
        putting = asyncio.create_task(queue.put(3))
        joining = asyncio.create_task(queue.join())
        await turns()
        queue.shutdown(immediate)
        with pytest.raises(QueueShutDown):
            await putting
        if not immediate:
            assert [await queue.get(), queue.get_nowait()] == [1, 2]
            queue.task_done()
            queue.task_done()
        await joining
        for refused in (queue.get_nowait, lambda: queue.put_nowait(4)):
            with pytest.raises(QueueShutDown):
                refused()
        for refused in (queue.get, lambda: queue.put(4)):
            with pytest.raises(QueueShutDown):
                await refused()
        assert repr(queue).endswith(" maxsize=2 items=0 shutdown>")

    run(main())


def test_shutdown_wakes_who_waits_for_an_item(run, other_factory):
    queue = CrossQueue()
    waiting = threading.Event()

    async def get():
        asyncio.get_running_loop().call_soon(waiting.set)
        await queue.get()

    threads = [in_thread(other_factory, get) for _ in range(3)]

    async def main():
        with pytest.raises(QueueShutDown):
            await queue.get()

    async def shut_down():
        getting = asyncio.create_task(main())
        await turns()
        queue.shutdown()
        await getting

    waiting.wait()
    run(shut_down())
    for thread, outcome in threads:
        thread.join()
        assert [type(error) for error in outcome] == [QueueShutDown]


def test_the_exceptions_are_asyncios_where_it_has_them():
    assert issubclass(QueueShutDown, Exception)
    if sys.version_info >= (3, 13):
        assert QueueShutDown is asyncio.QueueShutDown


def test_how_it_looks():
    queue = CrossQueue(3)
    assert repr(queue) == f"<CrossQueue at {id(queue):#x} maxsize=3 items=0>"
    assert str(inspect.signature(CrossQueue)) == "(maxsize=0)"
    assert CrossQueue[int].__args__ == (int,)
    assert CrossQueue.__module__ == "ferrio"
    with pytest.raises(TypeError):
        CrossQueue("3")
    with pytest.raises(TypeError, match="pickle"):
        copy.copy(queue)
    with pytest.warns(RuntimeWarning, match="coroutine 'CrossQueue.get' was never awaited"):
        queue.get()
        gc.collect()


def test_one_with_items_and_waiters_in_a_cycle_is_collected(run):
    class Item:
        pass

    async def main():
        queue, item = CrossQueue(1), Item()
        item.queue = queue
        queue.put_nowait(item)
        coroutine = queue.put(item)
        coroutine.send(None)._asyncio_future_blocking = False
        alive = weakref.ref(queue), weakref.ref(item)
        del queue, item, coroutine
        gc.collect()
        assert [reference() for reference in alive] == [None, None]

    run(main())


def test_items_whose_end_uses_the_queue(run):
    queue = CrossQueue()

    class Item:
        def __del__(self):
            queue.qsize()
            if not queue.full():
                ends.append(repr(queue))

    ends = []
    for _ in range(3):
        queue.put_nowait(Item())
    queue.get_nowait()
    queue.shutdown(immediate=True)
    assert len(ends) == 3


class Model:
    """A queue as one would explain it: two lists of those who wait, in order, and a list of items."""

    def __init__(self, maxsize):
        self.maxsize = maxsize
        self.items = collections.deque()
        self.getters = []
        self.putters = []
        self.done = {}
        self.unfinished = 0
        self.is_shut_down = False

    def full(self):
        return 0 < self.maxsize <= len(self.items)

    def settle(self):
        while True:
            if self.items and self.getters:
                self.done[self.getters.pop(0)] = self.items.popleft()
            elif self.putters and not self.full() and not self.is_shut_down:
                number, item = self.putters.pop(0)
                self.put(item)
                self.done[number] = None
            else:
                break
        if self.is_shut_down:
            for number in [*self.getters, *(number for number, _ in self.putters)]:
                self.done[number] = QueueShutDown
            self.getters.clear()
            self.putters.clear()

    def put(self, item):
        self.items.append(item)
        self.unfinished += 1

    def put_nowait(self, item):
        if self.is_shut_down:
            return QueueShutDown
        if self.full():
            return asyncio.QueueFull
        self.put(item)

    def get_nowait(self):
        if self.items:
            return self.items.popleft()
        return QueueShutDown if self.is_shut_down else asyncio.QueueEmpty

    def task_done(self):
        if self.unfinished == 0:
            return ValueError
        self.unfinished -= 1

    def shutdown(self, immediate):
        self.is_shut_down = True
        if immediate:
            self.unfinished -= min(self.unfinished, len(self.items))
            self.items.clear()

    def cancel(self, number):
        self.getters = [each for each in self.getters if each != number]
        self.putters = [each for each in self.putters if each[0] != number]
        self.done[number] = asyncio.CancelledError


def outcome(function, *arguments):
    try:
        return function(*arguments)
    except Exception as error:
        return type(error)


def settled(task):
    if task.cancelled():
        return asyncio.CancelledError
    return task.result() if task.exception() is None else type(task.exception())


@pytest.mark.parametrize("seed", range(60))
def test_it_does_what_the_naive_model_does(run, seed):
    dice = random.Random(seed)

    async def main():
        maxsize = dice.choice([0, 1, 2, 3])
        queue, model = CrossQueue(maxsize), Model(maxsize)
        tasks = {}
        for step in range(150):
            roll = dice.randrange(100)
            if roll < 22:
                tasks[step] = asyncio.create_task(queue.get())
                model.getters.append(step)
            elif roll < 44:
                tasks[step] = asyncio.create_task(queue.put(step))
                model.putters.append((step, step))
            elif roll < 60:
                assert outcome(queue.put_nowait, step) == model.put_nowait(step)
            elif roll < 76:
                assert outcome(queue.get_nowait) == model.get_nowait()
            elif roll < 85:
                assert outcome(queue.task_done) == model.task_done()
            elif roll < 99:
                waiting = [number for number, task in tasks.items() if not task.done()]
                if waiting:
                    number = dice.choice(waiting)
                    tasks[number].cancel()
                    model.cancel(number)
            elif dice.random() < 0.3:
                immediate = dice.random() < 0.5
                queue.shutdown(immediate)
                model.shutdown(immediate)
            await turns(6)
            model.settle()
            assert {n: settled(task) for n, task in tasks.items() if task.done()} == model.done, step
            assert (queue.qsize(), queue.full()) == (len(model.items), model.full())
        queue.shutdown(immediate=True)
        await asyncio.gather(*tasks.values(), return_exceptions=True)

    run(main())


def consume(queue, dice, got):
    """Gets until the queue is shut down; about every third `get()` is cancelled at some time."""

    async def main():
        while True:
            getting = asyncio.ensure_future(queue.get())
            if dice.random() < 0.3:
                await turns(dice.randrange(4))
                getting.cancel()
            try:
                got.append(await getting)
            except asyncio.CancelledError:
                pass
            except QueueShutDown:
                return

    return main


def produce(queue, dice, name, count, put):
    """Puts `(name, number)`; a `put()` that was cancelled is tried again, one that was too late is not."""

    async def main():
        for number in range(count):
            while True:
                putting = asyncio.ensure_future(queue.put((name, number)))
                if dice.random() < 0.3:
                    await turns(dice.randrange(4))
                    putting.cancel()
                try:
                    await putting
                except asyncio.CancelledError:
                    continue
                put.append((name, number))
                break

    return main


def throw_in(queue, name, count, put):
    """The same from a thread without a loop."""
    for number in range(count):
        while True:
            try:
                queue.put_nowait((name, number))
            except asyncio.QueueFull:
                continue
            put.append((name, number))
            break


@pytest.mark.parametrize("maxsize", (0, 1, 7))
@pytest.mark.parametrize("seed", range(3))
def test_threads_and_loops_lose_nothing_and_get_nothing_twice(maxsize, seed):
    queue = CrossQueue(maxsize)
    dice = random.Random(seed)
    factories = list(LOOPS.values())
    got = [[] for _ in range(4)]
    put = [[] for _ in range(4)]
    consumers = [
        in_thread(factories[number % len(factories)], consume(queue, random.Random(dice.random()), got[number]))
        for number in range(4)
    ]
    producers = [
        in_thread(
            factories[number % len(factories)],
            produce(queue, random.Random(dice.random()), number, 300, put[number]),
        )[0]
        for number in range(3)
    ]
    producers.append(threading.Thread(target=throw_in, args=(queue, 3, 300, put[3])))
    producers[-1].start()
    for thread in producers:
        thread.join()
    queue.shutdown()
    for thread, outcome in consumers:
        thread.join()
        assert outcome == [None]
    assert sorted(sum(got, [])) == sorted(sum(put, []))
    assert len(sum(put, [])) == 1200
    for items in got:
        # First in, first out: whoever gets several of one producer's gets them in their order.
        for name in range(4):
            numbers = [number for producer, number in items if producer == name]
            assert numbers == sorted(numbers)
