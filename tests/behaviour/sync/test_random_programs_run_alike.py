"""The naive model is the stdlib's own classes: one random program, the same trace of events.

Several tasks use one object at a time; a driver starts them, cancels them, wakes them, lets the loop turn. What happens, in
which order, and what the object shows of itself must be the same whoever made the object and the loop.
"""

import asyncio
import random
import sys

import pytest

STEPS = 120
SEEDS = range(40)


class Driver:
    """One random program and the trace of what it did."""

    def __init__(self, lib, seed):
        self.lib = lib
        self.dice = random.Random(seed)
        self.trace = []
        self.tasks = []

    def note(self, *what):
        self.trace.append(what)

    async def turns(self, count):
        for _ in range(count):
            await asyncio.sleep(0)

    def start(self, kind, function, *arguments):
        number = len(self.tasks)

        async def run():
            try:
                self.note(number, kind, "returned", await coroutine)
            except BaseException as error:
                context = type(error.__context__).__name__
                self.note(number, kind, type(error).__name__, str(error), context)
                raise

        self.tasks.append(asyncio.get_running_loop().create_task(run()))

    def cancel(self):
        alive = [number for number, task in enumerate(self.tasks) if not task.done()]
        if alive:
            number = self.dice.choice(alive)
            self.note(number, "cancel", self.tasks[number].cancel(f"by {number}"))

    def attempt(self, name, function, *arguments):
        try:
            self.note(name, *arguments, function(*arguments))
        except Exception as error:
            self.note(name, *arguments, type(error).__name__, str(error))

    async def run(self, operations, show, finish):
        for _ in range(STEPS):
            roll = self.dice.random()
            if roll < 0.2:
                await self.turns(self.dice.randrange(1, 4))
            elif roll < 0.35:
                self.cancel()
            else:
                self.dice.choice(operations)()
            self.note("shown", *show())
        await self.turns(3)
        for _ in range(50):
            for task in self.tasks:
                task.cancel()
            finish()
            await self.turns(6)
        self.note("left", *show(), [task.done() for task in self.tasks])
        assert all(task.done() for task in self.tasks)
        return self.trace


def tail(object):
    """What a repr says behind the address."""
    return repr(object).partition(" [")[2]


def lock_program(driver):
    lock = driver.lib.Lock()

    async def hold(turns):
        async with lock:
            driver.note("held")
            await driver.turns(turns)

    operations = [
        lambda: driver.start("acquire", lock.acquire),
        lambda: driver.start("hold", hold, driver.dice.randrange(3)),
        lambda: driver.attempt("release", lock.release),
    ]
    return operations, lambda: (lock.locked(), tail(lock)), lambda: lock.locked() and lock.release()


def event_program(driver):
    event = driver.lib.Event()
    operations = [
        lambda: driver.start("wait", event.wait),
        lambda: driver.start("wait", event.wait),
        lambda: driver.attempt("set", event.set),
        lambda: driver.attempt("clear", event.clear),
    ]
    return operations, lambda: (event.is_set(), tail(event)), event.set


def semaphore_program(driver, bounded=False):
    semaphore = (driver.lib.BoundedSemaphore if bounded else driver.lib.Semaphore)(2)

    async def hold(turns):
        async with semaphore:
            driver.note("held")
            await driver.turns(turns)

    operations = [
        lambda: driver.start("acquire", semaphore.acquire),
        lambda: driver.start("acquire", semaphore.acquire),
        lambda: driver.start("hold", hold, driver.dice.randrange(3)),
        lambda: driver.attempt("release", semaphore.release),
    ]

    def finish():
        driver.attempt("release", semaphore.release)

    return operations, lambda: (semaphore.locked(), tail(semaphore), semaphore._value), finish


def bounded_program(driver):
    return semaphore_program(driver, bounded=True)


def condition_program(driver):
    condition = driver.lib.Condition()
    box = [0]

    async def wait():
        async with condition:
            return await condition.wait()

    async def wait_for(least):
        async with condition:
            return await condition.wait_for(lambda: box[0] >= least and box[0])

    async def change(most):
        async with condition:
            box[0] += 1
            if most is None:
                condition.notify_all()
            else:
                condition.notify(most)
            await driver.turns(driver.dice.randrange(2))

    operations = [
        lambda: driver.start("wait", wait),
        lambda: driver.start("wait", wait),
        lambda: driver.start("wait_for", wait_for, box[0] + driver.dice.randrange(3)),
        lambda: driver.start("change", change, driver.dice.choice([None, 0, 1, 2, 3])),
        lambda: driver.attempt("notify", condition.notify),
        lambda: driver.start("unlocked", condition.wait),
    ]
    def finish():
        if condition.locked():
            condition.release()

    return operations, lambda: (condition.locked(), tail(condition)), finish


def barrier_program(driver):
    barrier = driver.lib.Barrier(driver.dice.choice([1, 2, 3, 4]))

    async def within(turns):
        async with barrier as position:
            driver.note("within", position, barrier.n_waiting)
            await driver.turns(turns)
            return position

    def rarely(name, function):
        if driver.dice.random() < 0.3:
            driver.start(name, function)

    operations = [
        lambda: driver.start("wait", barrier.wait),
        lambda: driver.start("wait", barrier.wait),
        lambda: driver.start("wait", barrier.wait),
        lambda: driver.start("within", within, driver.dice.randrange(3)),
        lambda: rarely("reset", barrier.reset),
        lambda: driver.dice.random() < 0.3 and rarely("abort", barrier.abort),
    ]

    def show():
        return barrier.parties, barrier.n_waiting, barrier.broken, tail(barrier), barrier._count

    return operations, show, lambda: None


def queue_program(driver, kind="Queue"):
    queue = getattr(driver.lib, kind)(driver.dice.choice([0, 1, 2, 3]))
    items = iter(driver.dice.sample(range(10_000), 1000))
    operations = [
        lambda: driver.start("put", queue.put, next(items)),
        lambda: driver.start("put", queue.put, next(items)),
        lambda: driver.start("get", queue.get),
        lambda: driver.start("get", queue.get),
        lambda: driver.attempt("put_nowait", queue.put_nowait, next(items)),
        lambda: driver.attempt("get_nowait", queue.get_nowait),
        lambda: driver.attempt("task_done", queue.task_done),
        lambda: driver.start("join", queue.join),
        lambda: driver.note(str(queue)),
    ]
    if sys.version_info >= (3, 13) and driver.dice.random() < 0.5:
        immediate = driver.dice.random() < 0.5

        def shutdown():
            if driver.dice.random() < 0.1:
                driver.attempt("shutdown", queue.shutdown, immediate)

        operations.append(shutdown)

    def show():
        yield from (queue.qsize(), queue.empty(), queue.full(), queue.maxsize)
        yield queue._unfinished_tasks
        if driver.dice.random() < 0.1:
            yield from (list(queue._queue), len(queue._getters), len(queue._putters))

    return operations, show, lambda: None


def priority_queue_program(driver):
    return queue_program(driver, "PriorityQueue")


def lifo_queue_program(driver):
    return queue_program(driver, "LifoQueue")


PROGRAMS = {
    "lock": lock_program,
    "event": event_program,
    "semaphore": semaphore_program,
    "bounded": bounded_program,
    "condition": condition_program,
    "barrier": barrier_program,
    "queue": queue_program,
    "priority": priority_queue_program,
    "lifo": lifo_queue_program,
}


def traced(new_event_loop, lib, program, seed):
    async def main():
        driver = Driver(lib, seed)
        return await driver.run(*PROGRAMS[program](driver))

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(main())


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_trace_is_the_same(flavour, program):
    for seed in SEEDS:
        expected = traced(asyncio.new_event_loop, asyncio, program, seed)
        assert traced(flavour.new_event_loop, flavour.lib, program, seed) == expected, seed
