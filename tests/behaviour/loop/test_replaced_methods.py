"""A loop whose class, or whose object, has methods of its own in the place of asyncio's: they are called wherever asyncio calls them
through the loop. Loops with a clock for tests are made so (looptime, aiotools' VirtualClock, time machines of pytest)."""

import asyncio
import contextvars
import logging
import sys
import time
from unittest import mock

import pytest

HOUR = 3600.0


@pytest.fixture
def derive(loop_factory):
    """Makes a loop of a class derived from that under test, with these methods; closes it at the end."""
    loop = loop_factory()
    loop.close()
    base, made = type(loop), []

    def derive(**methods):
        made.append(type("Derived", (base,), methods)())
        return made[-1]

    derive.base = base
    yield derive
    for loop in made:
        loop.close()


@pytest.fixture
def noting(derive):
    """A derived loop and the list of its methods' calls, the methods of these names being noted on their way to asyncio's."""

    def noting(*names):
        calls = []

        def noted(name):
            def method(self, *args, **kwargs):
                calls.append(name)
                return getattr(derive.base, name)(self, *args, **kwargs)

            return method

        return derive(**{name: noted(name) for name in names}), calls

    return noting


class Clock:
    """A `time()` that stands still until it is told to go on."""

    def __init__(self, now=0.0):
        self.now = now

    def time(self, *_loop):
        return self.now

    def go_on(self, seconds):
        self.now += seconds


@pytest.fixture(params=["class", "object", "patch"])
def clocked(request, derive, loop_factory):
    """A loop whose clock is a `Clock`, in each way that this is done; and that clock."""
    clock = Clock()
    if request.param == "class":
        yield derive(time=lambda self: clock.time()), clock
        return
    loop = loop_factory()
    if request.param == "object":
        loop.time = clock.time
        yield loop, clock
    else:
        with mock.patch.object(loop, "time", clock.time):
            yield loop, clock
    loop.close()


async def turns(count=3):
    for _ in range(count):
        await asyncio.sleep(0)


# The task of a run


def test_run_until_complete_makes_its_task_by_create_task(noting):
    loop, calls = noting("create_task")

    async def main():
        return 7

    assert loop.run_until_complete(main()) == 7
    assert calls == ["create_task"]


def test_so_it_does_where_the_coroutine_is_asyncios_own(noting):
    loop, calls = noting("create_task")
    loop.run_until_complete(asyncio.sleep(0))
    assert calls == ["create_task"]


def test_other_tasks_are_made_by_create_task(noting, flavour):
    loop, calls = noting("create_task")

    async def child():
        pass

    async def main():
        await flavour.lib.create_task(child())
        await flavour.lib.gather(child(), child())
        async with flavour.lib.TaskGroup() as group:
            group.create_task(child())
        await flavour.lib.ensure_future(child())

    loop.run_until_complete(main())
    assert calls == ["create_task"] * 6


def test_an_attribute_of_the_object_counts_as_well(loop):
    made = []
    before = loop.create_task

    def create_task(coro, **kwargs):
        made.append(coro.__qualname__)
        return before(coro, **kwargs)

    with mock.patch.object(loop, "create_task", create_task):
        loop.run_until_complete(asyncio.sleep(0))
    assert made == ["sleep"]
    loop.run_until_complete(asyncio.sleep(0))
    assert made == ["sleep"]


def test_run_until_complete_runs_by_run_forever(noting):
    loop, calls = noting("run_forever")
    assert loop.run_until_complete(asyncio.sleep(0, "done")) == "done"
    assert calls == ["run_forever"]
    future = loop.create_future()
    loop.call_later(0.001, future.set_result, "again")
    assert loop.run_until_complete(future) == "again"
    assert calls == ["run_forever"] * 2


def test_a_run_forever_that_does_not_run(derive):
    loop = derive(run_forever=lambda self: None)
    future = loop.create_future()
    with pytest.raises(RuntimeError, match="Event loop stopped before Future completed."):
        loop.run_until_complete(future)


def test_a_run_forever_that_raises(derive):
    def run_forever(self):
        derive.base.run_forever(self)
        raise LookupError("after the run")

    loop = derive(run_forever=run_forever)
    with pytest.raises(LookupError, match="after the run"):
        loop.run_until_complete(asyncio.sleep(0))
    # The run is over.
    assert not loop.is_running()
    loop.call_soon(loop.stop)
    with pytest.raises(LookupError, match="after the run"):
        loop.run_forever()


# Timers


def test_call_later_goes_through_time_and_call_at(noting):
    loop, calls = noting("call_at")
    loop.time = lambda: 100
    handle = loop.call_later(5, print)
    assert handle.when() == 105 and calls == ["call_at"]
    handle.cancel()


def test_call_later_hands_everything_on(derive):
    given = []

    def call_at(self, *args, **kwargs):
        given.append((args, kwargs))
        return derive.base.call_at(self, *args, **kwargs)

    loop = derive(call_at=call_at, time=lambda self: 100)
    context = contextvars.copy_context()
    loop.call_later(5, print, 1, 2, context=context).cancel()
    loop.call_later(0.5, print).cancel()
    assert given == [((105, print, 1, 2), {"context": context}), ((100.5, print), {"context": None})]


def test_call_later_gives_what_call_at_gives(derive):
    class Own:
        _source_traceback = None

        def __init__(self, loop, when, *args, context=None):
            self.args = args

    loop = derive(call_at=lambda *args, **kwargs: Own(*args, **kwargs))
    handle = loop.call_later(1, print, 1, 2)
    assert type(handle) is Own and handle.args == (print, 1, 2)


@pytest.mark.parametrize("name", ["call_later", "call_at"])
def test_what_waits_for_a_time_asks_call_later(noting, flavour, name):
    loop, calls = noting(name)

    async def main():
        lib = flavour.lib
        await lib.sleep(0.001)
        assert len(calls) == 1
        never = loop.create_future()
        await lib.wait([never], timeout=0.001)
        assert len(calls) == 2
        for each in lib.as_completed([never], timeout=0.001):
            with pytest.raises(TimeoutError):
                await each
        assert len(calls) == 3
        never.cancel()

    loop.run_until_complete(main())
    assert calls == [name] * 3


def test_a_timeout_asks_time_and_call_at(noting, flavour):
    loop, calls = noting("call_at")

    async def main():
        with pytest.raises(TimeoutError):
            async with flavour.lib.timeout(0.001):
                await loop.create_future()
        assert calls == ["call_at"]
        with pytest.raises(TimeoutError):
            await flavour.lib.wait_for(loop.create_future(), 0.001)

    loop.run_until_complete(main())
    assert calls == ["call_at"] * 2


def test_a_timeout_that_is_over_when_it_begins_asks_call_soon(noting, flavour):
    loop, calls = noting("call_soon", "time")

    async def main():
        calls.clear()
        with pytest.raises(TimeoutError):
            async with flavour.lib.timeout_at(loop.time() - 1):
                await loop.create_future()
        assert "call_soon" in calls

    loop.run_until_complete(main())


# The clock


def test_timers_are_due_by_the_loops_clock(clocked):
    loop, clock = clocked
    ran = []

    async def main():
        loop.call_later(HOUR, ran.append, "later")
        loop.call_at(HOUR / 2, ran.append, "at")
        await turns()
        assert ran == []
        clock.go_on(HOUR / 2)
        await turns()
        assert ran == ["at"]
        clock.go_on(HOUR / 2)
        await turns()
        assert ran == ["at", "later"]

    loop.run_until_complete(main())


def test_they_wait_for_it_however_long_that_takes(clocked):
    loop, clock = clocked

    async def main():
        sleeping = asyncio.ensure_future(asyncio.sleep(0.001, "slept"))
        await turns()
        time.sleep(0.005)
        await turns()
        assert not sleeping.done()
        clock.go_on(0.001)
        return await sleeping

    assert loop.run_until_complete(main()) == "slept"


def test_sleep_and_timeouts_go_by_it(clocked, flavour):
    loop, clock = clocked
    lib = flavour.lib

    async def main():
        never = loop.create_future()
        waiting = [
            loop.create_task(lib.sleep(HOUR)),
            loop.create_task(lib.wait_for(never, HOUR)),
            loop.create_task(lib.wait([never], timeout=HOUR)),
            loop.create_task(entering(HOUR)),
        ]
        await turns()
        clock.go_on(HOUR - 1)
        await turns()
        assert not any(task.done() for task in waiting)
        clock.go_on(1)
        await turns(6)
        assert all(task.done() for task in waiting)
        assert [type(task.exception()) for task in waiting] == [type(None), TimeoutError, type(None), TimeoutError]

    async def entering(seconds):
        async with lib.timeout(seconds) as timeout:
            assert timeout.when() == clock.now + seconds
            await loop.create_future()

    loop.run_until_complete(main())


def test_equal_deadlines_run_in_the_order_they_were_set_in(clocked):
    loop, clock = clocked
    ran = []

    async def main():
        for number in range(20):
            loop.call_at(HOUR, ran.append, number)
        clock.go_on(HOUR)
        await turns()

    loop.run_until_complete(main())
    # asyncio's heap does not keep it; nothing is lost.
    assert sorted(ran) == list(range(20))


def test_a_clock_below_zero_and_of_whole_numbers(derive):
    clock = Clock(-10)
    loop = derive(time=lambda self: clock.now)
    ran = []

    async def main():
        loop.call_at(-3, ran.append, -3)
        loop.call_at(-7, ran.append, -7)
        loop.call_at(4, ran.append, 4)
        loop.call_at(-0.0, ran.append, 0)
        for clock.now, expected in [(-10, []), (-7, [-7]), (-1, [-7, -3]), (0, [-7, -3, 0]), (4, [-7, -3, 0, 4])]:
            await turns()
            assert ran == expected

    loop.run_until_complete(main())


def test_a_clock_that_is_shifted_sleeps_as_long(derive):
    loop = derive(time=lambda self: time.monotonic() + 1000 * HOUR)
    before = time.monotonic()
    loop.run_until_complete(asyncio.sleep(0.02))
    assert time.monotonic() - before >= 0.02


def test_a_clock_that_goes_slow_makes_the_loop_sleep_again(derive):
    loop = derive(time=lambda self: time.monotonic() / 2)
    before = time.monotonic()
    loop.run_until_complete(asyncio.sleep(0.01))
    assert time.monotonic() - before >= 0.02


def test_the_loop_sleeps_until_the_next_timer_that_lives(derive):
    loop = derive(time=lambda self: time.monotonic() - 5)
    ran = []
    for number in range(300):
        loop.call_later(0.001, ran.append, number).cancel()
    loop.call_later(0.002, loop.stop)
    loop.run_forever()
    assert ran == []


def test_a_cancelled_timer_does_not_run(clocked):
    loop, clock = clocked
    ran = []

    async def main():
        handles = [loop.call_later(HOUR, ran.append, number) for number in range(250)]
        for handle in handles[1:]:
            handle.cancel()
        await turns()
        clock.go_on(HOUR)
        await turns()

    loop.run_until_complete(main())
    assert ran == [0]


def test_what_is_scheduled_when_the_clock_is_replaced_goes_by_the_new_one(loop):
    ran = []

    async def main():
        loop.call_later(HOUR, ran.append, "an hour")
        loop.call_later(2 * HOUR, ran.append, "two hours")
        await turns()
        clock = Clock(loop.time())
        with mock.patch.object(loop, "time", clock.time):
            clock.go_on(HOUR + 1)
            await turns()
            assert ran == ["an hour"]
            loop.call_at(clock.now - HOUR - 1, ran.append, "long ago")
            await turns()
            assert ran == ["an hour", "long ago"]
            loop.call_at(clock.now - HOUR, ran.append, "soon")
        await asyncio.sleep(1.1)
        assert ran == ["an hour", "long ago", "soon"]

    loop.run_until_complete(main())


def test_what_time_raises_ends_the_run(derive):
    class Clockless(Exception):
        pass

    def broken(self):
        raise Clockless

    loop = derive(time=broken)
    loop.call_soon(print)
    with pytest.raises(Clockless):
        loop.run_forever()
    with pytest.raises(Clockless):
        loop.call_later(1, print)
    loop.call_at(1, print)
    with pytest.raises(Clockless):
        loop.run_forever()


def test_slow_callbacks_are_measured_by_it(clocked, log):
    loop, clock = clocked
    loop.set_debug(True)
    loop.slow_callback_duration = 60

    def slow():
        clock.go_on(HOUR)

    loop.call_soon(slow)
    loop.call_soon(loop.stop)
    loop.run_forever()
    slow_ones = [record.getMessage() for record in log.records if record.levelno == logging.WARNING]
    assert len(slow_ones) == 1 and "took 3600.000 seconds" in slow_ones[0]


def test_a_clock_that_is_no_number(derive, flavour):
    if flavour.name == "asyncio" and sys.version_info < (3, 13):
        pytest.skip("takes it for 0 seconds, again and again")
    loop = derive(time=lambda self: float("nan"))
    loop.call_at(1.0, print)
    with pytest.raises(ValueError, match="NaN"):
        loop.run_forever()


def test_a_loop_that_gets_another_class(loop):
    clock = Clock()
    loop.__class__ = type("Derived", (type(loop),), {"time": clock.time})
    ran = []
    loop.call_later(HOUR, ran.append, "later")
    loop.call_soon(clock.go_on, HOUR)
    loop.call_at(HOUR, loop.stop)
    loop.run_forever()
    assert ran == ["later"]


def test_methods_that_were_replaced_in_the_class_before_the_loop_was_made(loop_factory):
    clock = Clock()
    made = loop_factory()
    made.close()
    with mock.patch.object(type(made), "time", clock.time):
        loop = loop_factory()
        loop.call_soon(clock.go_on, HOUR)
        loop.call_later(HOUR, loop.stop)
        loop.run_forever()
        loop.close()


def test_an_attribute_by_a_name_that_was_made_up(loop):
    clock = Clock()
    loop.__setattr__("".join(["ti", "me"]), clock.time)
    loop.call_soon(clock.go_on, HOUR)
    loop.call_later(HOUR, loop.stop)
    loop.run_forever()
