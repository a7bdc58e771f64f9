"""call_later and call_at: never before their time by the loop's own clock, in order of their
deadlines."""

import asyncio
import time

import pytest


def run_once(loop):
    loop.stop()
    loop.run_forever()


@pytest.mark.parametrize("delay", [0, 0.0001, 0.0005, 0.0015, 0.003, 0.0101])
def test_never_early(loop, delay):
    fired = []

    def fire():
        fired.append(loop.time())
        loop.stop()

    for _ in range(10):
        handle = loop.call_later(delay, fire)
        loop.run_forever()
        assert fired[-1] >= handle.when()


def test_never_early_by_the_monotonic_clock(loop):
    start = time.monotonic()
    loop.run_until_complete(asyncio.sleep(0.0123))
    assert time.monotonic() - start >= 0.0123


def test_time_is_the_monotonic_clock(loop):
    before = time.monotonic()
    now = loop.time()
    assert before <= now <= time.monotonic()


def test_time_advances_inside_a_callback(loop):
    def work():
        start = loop.time()
        while time.monotonic() < start + 0.002:
            pass
        assert loop.time() >= start + 0.002
        return True

    async def main():
        return work()

    assert loop.run_until_complete(main())


def test_order_is_the_order_of_deadlines(loop):
    seen = []
    now = loop.time()
    for number in (5, 3, 1, 4, 2):
        loop.call_at(now + number / 1000, seen.append, number)
    loop.call_at(now + 0.006, loop.stop)
    loop.run_forever()
    assert seen == [1, 2, 3, 4, 5]


def test_overdue_timers_run_in_the_order_of_their_deadlines(loop):
    seen = []
    now = loop.time()
    for number in (3, 1, 2):
        loop.call_at(now - 10 + number, seen.append, number)
    loop.call_later(0.001, loop.stop)
    loop.run_forever()
    assert seen == [1, 2, 3]


def test_a_zero_delay_is_a_timer(loop):
    handle = loop.call_later(0, lambda: None)
    assert isinstance(handle, asyncio.TimerHandle)
    assert loop.time() - handle.when() < 3600
    handle.cancel()


def test_a_zero_delay_runs_after_callbacks_that_wait_already(loop):
    seen = []
    loop.call_later(0, seen.append, "timer")
    loop.call_soon(seen.append, "soon")
    loop.call_later(0.001, loop.stop)
    loop.run_forever()
    assert seen == ["soon", "timer"]


def test_a_negative_delay_is_due_at_once(loop):
    seen = []
    handle = loop.call_later(-5, seen.append, 1)
    assert handle.when() < loop.time()
    loop.call_later(0, loop.stop)
    loop.run_forever()
    assert seen == [1]


def test_when_is_what_was_asked_for(loop):
    handle = loop.call_at(12345.678, lambda: None)
    assert handle.when() == 12345.678
    handle.cancel()
    before = loop.time()
    handle = loop.call_later(1000, lambda: None)
    assert before + 1000 <= handle.when() <= loop.time() + 1000
    handle.cancel()


def test_integers_are_times_too(loop):
    for when in 5, -5, 0, 2**53:
        handle = loop.call_at(when, lambda: None)
        assert handle.when() == when and type(handle.when()) is int
        assert f" when={when} " in repr(handle)
        handle.cancel()
    for when in 2**60, True:
        handle = loop.call_at(when, lambda: None)
        assert handle.when() == when
        handle.cancel()


@pytest.mark.parametrize("method", ["call_later", "call_at"])
def test_none_is_no_time(loop, method):
    with pytest.raises(TypeError, match="None"):
        getattr(loop, method)(None, lambda: None)


@pytest.mark.parametrize("method", ["call_later", "call_at"])
def test_text_is_no_time(loop, method):
    with pytest.raises(TypeError):
        handle = getattr(loop, method)("soon", lambda: None)
        # The stock call_at takes anything until it has to compare it.
        loop.call_at(1.0, lambda: None)
        run_once(loop)
        handle.cancel()
    loop.close()


def test_a_very_long_delay_neither_fires_nor_overflows(loop):
    seen = []
    handles = [
        loop.call_later(delay, seen.append, delay) for delay in (1e6, 1e9, 1e12, float("inf"))
    ]
    assert loop.run_until_complete(asyncio.sleep(0.002, "woke")) == "woke"
    assert seen == []
    for handle in handles:
        handle.cancel()


def test_a_cancelled_timer_never_runs(loop):
    seen = []
    handle = loop.call_later(0.001, seen.append, "cancelled")
    handle.cancel()
    assert handle.cancelled()
    loop.run_until_complete(asyncio.sleep(0.005))
    assert seen == []


def test_cancelling_most_of_many_timers_keeps_the_rest(loop):
    seen = []
    now = loop.time()
    handles = [
        loop.call_at(now + 0.001 + number / 1e6, seen.append, number) for number in range(2000)
    ]
    for number, handle in enumerate(handles):
        if number % 100:
            handle.cancel()
    loop.run_until_complete(asyncio.sleep(0.01))
    assert seen == list(range(0, 2000, 100))


def test_cancel_of_the_next_due_timer_from_a_timer(loop):
    seen = []
    now = loop.time()
    loop.call_at(now + 0.001, lambda: second.cancel())
    second = loop.call_at(now + 0.001001, seen.append, "second")
    loop.run_until_complete(asyncio.sleep(0.005))
    assert seen == []


def test_cancel_after_it_ran_is_harmless(loop):
    seen = []
    handle = loop.call_later(0, seen.append, 1)
    loop.run_until_complete(asyncio.sleep(0.001))
    handle.cancel()
    handle.cancel()
    assert seen == [1]


def test_a_timer_can_make_a_timer(loop):
    seen = []

    def again(left):
        seen.append(left)
        if left:
            loop.call_later(0, again, left - 1)
        else:
            loop.stop()

    loop.call_later(0, again, 50)
    loop.run_forever()
    assert seen == list(range(50, -1, -1))


def test_two_sleeps_of_the_same_length_end_in_order(run):
    async def main():
        seen = []

        async def sleeper(name):
            await asyncio.sleep(0.002)
            seen.append(name)

        await asyncio.gather(*(sleeper(name) for name in range(20)))
        return seen

    assert run(main()) == list(range(20))
