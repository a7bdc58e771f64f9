"""call_soon is first in, first out; what a callback schedules runs a turn later."""

import asyncio

import pytest


def run_once(loop):
    loop.stop()
    loop.run_forever()


def test_first_in_first_out(loop):
    seen = []
    for number in range(1000):
        loop.call_soon(seen.append, number)
    run_once(loop)
    assert seen == list(range(1000))


def test_what_a_callback_schedules_runs_after_the_ones_already_waiting(loop):
    seen = []

    def first():
        seen.append("first")
        loop.call_soon(seen.append, "from first")

    loop.call_soon(first)
    loop.call_soon(seen.append, "second")
    run_once(loop)
    assert seen == ["first", "second"]
    run_once(loop)
    assert seen == ["first", "second", "from first"]


def test_callbacks_tasks_and_futures_share_one_queue(loop):
    seen = []
    future = loop.create_future()
    future.set_result(None)

    async def step():
        seen.append("task")

    loop.call_soon(seen.append, "before")
    task = loop.create_task(step())
    loop.call_soon(seen.append, "between")
    future.add_done_callback(lambda _: seen.append("future"))
    loop.call_soon(seen.append, "after")
    run_once(loop)
    assert seen == ["before", "task", "between", "future", "after"]
    loop.run_until_complete(task)


def test_arguments_are_passed_on(loop):
    seen = []
    loop.call_soon(lambda *args: seen.append(args))
    loop.call_soon(lambda *args: seen.append(args), 1)
    loop.call_soon(lambda *args: seen.append(args), 1, None, "x")
    run_once(loop)
    assert seen == [(), (1,), (1, None, "x")]


def test_a_cancelled_callback_does_not_run(loop):
    seen = []
    handle = loop.call_soon(seen.append, 1)
    loop.call_soon(seen.append, 2)
    handle.cancel()
    run_once(loop)
    assert seen == [2]


def test_a_callback_can_cancel_a_later_one_of_the_same_turn(loop):
    seen = []
    handles = []
    loop.call_soon(lambda: handles[0].cancel())
    handles.append(loop.call_soon(seen.append, "cancelled"))
    run_once(loop)
    assert seen == []


@pytest.mark.parametrize("method", ["call_soon", "call_soon_threadsafe"])
def test_the_callback_must_be_callable_in_debug_mode(loop, method):
    loop.set_debug(True)
    with pytest.raises(TypeError, match="a callable object was expected by " + method):
        getattr(loop, method)(1)
    with pytest.raises(TypeError, match=f"coroutines cannot be used with {method}"):
        getattr(loop, method)(asyncio.sleep)


def test_context_and_arguments_are_not_mixed_up(loop):
    with pytest.raises(TypeError):
        loop.call_soon(print, kw=1)
    with pytest.raises(TypeError):
        loop.call_soon()


def test_a_callback_that_raises_does_not_stop_the_others(loop, reported):
    loop.set_exception_handler(reported)
    seen = []
    loop.call_soon(lambda: 1 / 0)
    loop.call_soon(seen.append, "next")
    run_once(loop)
    assert seen == ["next"]
    (context,) = reported
    assert context["message"].startswith("Exception in callback ")
    assert isinstance(context["exception"], ZeroDivisionError)
    assert isinstance(context["handle"], asyncio.Handle)


@pytest.mark.debug_off
def test_a_callback_that_is_not_callable_is_reported_when_it_runs(loop, reported):
    loop.set_exception_handler(reported)
    loop.call_soon(None)
    run_once(loop)
    assert isinstance(reported[0]["exception"], TypeError)


def test_the_chain_gives_others_a_chance(loop):
    """A callback that always schedules itself starves neither timers nor descriptors."""
    seen = []

    def chain():
        if "timer" not in seen:
            loop.call_soon(chain)
        else:
            loop.stop()

    loop.call_soon(chain)
    loop.call_later(0.001, seen.append, "timer")
    loop.run_forever()
    assert seen == ["timer"]
