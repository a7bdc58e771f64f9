"""Debug mode describes callbacks only when it has something to say, and ends with the run.

Found in review with a callback whose ``repr`` fails: ferrio described every callback before it ran,
and the exception left the loop. And by switching debug mode off in the middle of a run: the
interpreter went on remembering where every coroutine was made.
"""

import asyncio
import sys

import pytest


class Undescribable:
    """A callable, or something to hang on to, whose repr fails."""

    def __init__(self, function=None):
        self.function = function

    def __call__(self, *args):
        self.function(*args)

    def __repr__(self):
        raise ZeroDivisionError("repr")


@pytest.fixture(autouse=True)
def debug(loop):
    loop.set_debug(True)
    # However slow the machine: nothing in here is slow.
    loop.slow_callback_duration = 1000


@pytest.mark.parametrize("method", ["call_soon", "call_soon_threadsafe", "call_later"])
def test_a_callback_that_cannot_be_described(loop, method):
    seen = []
    arguments = (0,) if method == "call_later" else ()
    getattr(loop, method)(*arguments, Undescribable(seen.append), "called")
    loop.run_until_complete(asyncio.sleep(0.001))
    assert seen == ["called"]


def test_an_argument_that_cannot_be_described(loop):
    seen = []
    loop.call_soon(lambda argument: seen.append(type(argument)), Undescribable())
    loop.run_until_complete(asyncio.sleep(0))
    assert seen == [Undescribable]


def test_a_future_that_cannot_be_described(loop, flavour):
    class Shy(flavour.Future):
        def __repr__(self):
            raise ZeroDivisionError("repr")

    async def main():
        future = Shy(loop=loop)
        loop.call_soon(future.set_result, "result")
        return await future

    assert loop.run_until_complete(main()) == "result"


def test_a_task_that_cannot_be_described(loop, flavour):
    class Shy(flavour.Task):
        def __repr__(self):
            raise ZeroDivisionError("repr")

    async def main():
        await asyncio.sleep(0)
        await asyncio.sleep(0.001)
        return "result"

    assert loop.run_until_complete(Shy(main(), loop=loop)) == "result"


def test_switched_off_together_with_the_loop(loop):
    before = sys.get_coroutine_origin_tracking_depth()

    def off():
        loop.set_debug(False)
        loop.stop()

    loop.call_soon(off)
    loop.run_forever()
    assert sys.get_coroutine_origin_tracking_depth() == before


def test_switched_off_by_the_main_task(loop):
    before = sys.get_coroutine_origin_tracking_depth()

    async def main():
        loop.set_debug(False)

    loop.run_until_complete(main())
    assert sys.get_coroutine_origin_tracking_depth() == before


def test_switched_off_by_a_task_that_ends_the_run(loop):
    before = sys.get_coroutine_origin_tracking_depth()

    async def main():
        loop.set_debug(False)
        raise SystemExit

    with pytest.raises(SystemExit):
        loop.run_until_complete(main())
    assert sys.get_coroutine_origin_tracking_depth() == before


def test_switched_on_by_the_last_callback(loop):
    """The other way round: what comes too late for this run does not begin with the next one's
    depth."""
    loop.set_debug(False)
    before = sys.get_coroutine_origin_tracking_depth()

    def on():
        loop.set_debug(True)
        loop.stop()

    loop.call_soon(on)
    loop.run_forever()
    assert sys.get_coroutine_origin_tracking_depth() == before
    loop.run_until_complete(asyncio.sleep(0))
    assert sys.get_coroutine_origin_tracking_depth() == before
