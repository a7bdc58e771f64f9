"""run_forever, run_until_complete, stop and close follow the documented life cycle."""

import asyncio
import gc

import pytest


def test_a_new_loop_is_neither_running_nor_closed(loop):
    assert isinstance(loop, asyncio.AbstractEventLoop)
    assert not loop.is_running()
    assert not loop.is_closed()


def test_an_instance_takes_attributes(loop):
    loop.mark = 3
    assert loop.mark == 3
    assert vars(loop)["mark"] == 3


def test_run_until_complete_returns_the_result(loop):
    async def main():
        assert asyncio.get_running_loop() is loop
        assert asyncio.get_event_loop() is loop
        assert loop.is_running()
        return "value"

    assert loop.run_until_complete(main()) == "value"
    assert not loop.is_running()
    assert asyncio._get_running_loop() is None


def test_run_until_complete_raises_the_exception_of_the_coroutine(loop):
    async def main():
        raise LookupError("lost")

    with pytest.raises(LookupError, match="lost"):
        loop.run_until_complete(main())


def test_run_until_complete_takes_a_future_of_this_loop(loop):
    future = loop.create_future()
    loop.call_soon(future.set_result, 7)
    assert loop.run_until_complete(future) == 7


def test_run_until_complete_of_a_finished_future(loop):
    future = loop.create_future()
    future.set_result(8)
    assert loop.run_until_complete(future) == 8


def test_run_until_complete_takes_any_awaitable(loop):
    class Awaitable:
        def __await__(self):
            yield from asyncio.sleep(0).__await__()
            return 9

    assert loop.run_until_complete(Awaitable()) == 9


@pytest.mark.parametrize("junk", [3, None, "coro", object(), [1]])
def test_run_until_complete_refuses_what_cannot_be_awaited(loop, junk):
    with pytest.raises(
        TypeError, match="An asyncio.Future, a coroutine or an awaitable is required"
    ):
        loop.run_until_complete(junk)
    assert not loop.is_running()


def test_run_until_complete_refuses_a_future_of_another_loop(loop, loop_factory):
    other = loop_factory()
    try:
        with pytest.raises(ValueError, match="The future belongs to a different loop"):
            loop.run_until_complete(other.create_future())
    finally:
        other.close()


def test_stopping_before_the_future_is_done_is_an_error(loop):
    future = loop.create_future()
    loop.call_soon(loop.stop)
    with pytest.raises(RuntimeError, match="^Event loop stopped before Future completed.$"):
        loop.run_until_complete(future)
    future.cancel()


def test_stop_before_run_forever_runs_exactly_one_turn(loop):
    seen = []

    def first():
        seen.append("first")
        loop.call_soon(seen.append, "next turn")

    loop.call_soon(first)
    loop.stop()
    loop.run_forever()
    assert seen == ["first"]
    loop.stop()
    loop.run_forever()
    assert seen == ["first", "next turn"]


def test_stop_lets_the_callbacks_of_this_turn_run(loop):
    seen = []
    loop.call_soon(loop.stop)
    loop.call_soon(seen.append, 1)
    loop.run_forever()
    assert seen == [1]


def test_stop_is_forgotten_after_the_run(loop):
    loop.stop()
    loop.run_forever()
    assert loop.run_until_complete(asyncio.sleep(0, "ran")) == "ran"


def test_run_forever_can_run_again_and_again(loop):
    turns = []
    for number in range(5):
        loop.call_soon(turns.append, number)
        loop.call_soon(loop.stop)
        loop.run_forever()
    assert turns == [0, 1, 2, 3, 4]


def test_a_second_run_until_complete_is_refused(loop):
    async def main():
        for _ in range(3):
            with pytest.raises(RuntimeError, match="^This event loop is already running$"):
                loop.run_until_complete(loop.create_future())
            assert loop.is_running()
            assert asyncio.get_running_loop() is loop
        return "still running"

    assert loop.run_until_complete(main()) == "still running"


def test_a_second_run_forever_is_refused(loop):
    """What the refused call leaves behind is not asked: stock 3.13.0 forgets that it was running."""

    async def main():
        with pytest.raises(RuntimeError, match="^This event loop is already running$"):
            loop.run_forever()
        return "went on"

    assert loop.run_until_complete(main()) == "went on"


def test_a_second_run_until_complete_of_a_coroutine_does_not_start_it(loop):
    started = []

    async def inner():
        started.append(True)

    async def main():
        coro = inner()
        with pytest.raises(RuntimeError, match="^This event loop is already running$"):
            loop.run_until_complete(coro)
        coro.close()

    loop.run_until_complete(main())
    assert not started


def test_another_loop_cannot_run_inside_a_running_one(loop, loop_factory):
    other = loop_factory()

    async def main():
        with pytest.raises(
            RuntimeError, match="^Cannot run the event loop while another loop is running$"
        ):
            other.run_until_complete(asyncio.Future(loop=other))
        assert asyncio.get_running_loop() is loop
        assert not other.is_running()

    loop.run_until_complete(main())
    assert other.run_until_complete(asyncio.sleep(0, 5)) == 5
    other.close()


def test_a_stdlib_loop_cannot_run_inside_it_either(loop):
    other = asyncio.new_event_loop()

    async def main():
        with pytest.raises(
            RuntimeError, match="^Cannot run the event loop while another loop is running$"
        ):
            other.run_forever()

    loop.run_until_complete(main())
    other.close()


def test_closing_a_running_loop_is_refused(loop):
    async def main():
        with pytest.raises(RuntimeError, match="^Cannot close a running event loop$"):
            loop.close()

    loop.run_until_complete(main())
    assert not loop.is_closed()


def test_close_drops_what_was_scheduled(loop):
    seen = []
    loop.call_soon(seen.append, 1)
    loop.call_later(0, seen.append, 2)
    loop.close()
    assert loop.is_closed()
    assert seen == []


def test_close_twice_is_harmless(loop):
    loop.close()
    loop.close()
    assert loop.is_closed()


@pytest.mark.debug_off
def test_repr_tells_the_state(loop):
    assert " running=False closed=False debug=False>" in repr(loop)
    assert " running=True " in loop.run_until_complete(_repr_inside())
    loop.close()
    assert " running=False closed=True " in repr(loop)


async def _repr_inside():
    return repr(asyncio.get_running_loop())


def test_an_unclosed_loop_warns_when_it_is_collected(loop_factory):
    loop = loop_factory()
    with pytest.warns(ResourceWarning, match="unclosed event loop"):
        del loop
        gc.collect()


def test_many_loops_live_side_by_side(loop_factory):
    loops = [loop_factory() for _ in range(20)]
    for number, loop in enumerate(loops):
        assert loop.run_until_complete(asyncio.sleep(0, number)) == number
    for loop in loops:
        loop.close()
