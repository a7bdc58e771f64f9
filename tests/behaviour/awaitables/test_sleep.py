"""`sleep` ends after its delay, with its result, and leaves no timer behind."""

import asyncio
import decimal
import fractions
import gc
import sys
import warnings
import weakref

import pytest


def test_it_waits_and_gives_its_result(run, lib):
    async def main():
        loop = asyncio.get_running_loop()
        before = loop.time()
        assert await lib.sleep(0.01) is None
        assert await lib.sleep(0.01, "result") == "result"
        assert await lib.sleep(result=3, delay=0.01) == 3
        assert loop.time() - before >= 0.03

    run(main())


@pytest.mark.parametrize(
    "delay", [0, 0.0, -1, -0.5, False, float("-inf"), -(10**400), decimal.Decimal(0)]
)
def test_without_a_delay_it_lets_the_others_run_once(run, lib, delay):
    async def main():
        order = []

        async def other():
            order.append("other")

        asyncio.get_running_loop().create_task(other())
        assert await lib.sleep(delay, "result") == "result"
        order.append("mine")
        assert order == ["other", "mine"]

    run(main())


@pytest.mark.parametrize("delay", [0.001, True, fractions.Fraction(1, 1000), 10**-3])
def test_delays_of_other_types(run, lib, delay):
    async def main():
        if isinstance(delay, bool):
            task = asyncio.create_task(lib.sleep(delay))
            await asyncio.sleep(0)
            task.cancel()
        else:
            await lib.sleep(delay)

    run(main())


@pytest.mark.parametrize("delay", ["1", None, object()])
def test_what_is_no_number_is_refused_when_it_is_awaited(run, lib, delay):
    async def main():
        coroutine = lib.sleep(delay)
        with pytest.raises(TypeError):
            await coroutine

    run(main())


@pytest.mark.skipif(sys.version_info < (3, 13), reason="NaN is refused since 3.13")
def test_nan_is_refused(run, lib):
    async def main():
        with pytest.raises(ValueError, match=r"^Invalid delay: NaN \(not a number\)$"):
            await lib.sleep(float("nan"))

    run(main())


def test_it_needs_a_running_loop_only_to_wait(lib):
    coroutine = lib.sleep(0, 1)
    assert coroutine.send(None) is None
    with pytest.raises(StopIteration):
        coroutine.send(None)
    coroutine = lib.sleep(1)
    with pytest.raises(RuntimeError, match="^no running event loop$"):
        coroutine.send(None)


async def _outcome(task):
    try:
        await task
    except asyncio.CancelledError as error:
        return error.args


def test_cancelled_it_leaves_no_timer(loop, lib):
    """What the timer held is free at once, not when the delay is over."""

    class Result:
        pass

    async def main():
        result = Result()
        alive = weakref.ref(result)
        task = loop.create_task(lib.sleep(1000, result))
        del result
        await asyncio.sleep(0)
        assert alive() is not None
        task.cancel("enough")
        assert await _outcome(task) == ("enough",)
        del task
        await asyncio.sleep(0)
        gc.collect()
        assert alive() is None

    loop.run_until_complete(main())


def test_cancelled_before_it_begins(loop, lib):
    async def main():
        task = loop.create_task(lib.sleep(1000))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    loop.run_until_complete(main())


@pytest.mark.parametrize("delay", [0, 0.001])
def test_a_future_that_it_waits_for_can_be_cancelled(run, lib, delay):
    async def main():
        task = asyncio.create_task(lib.sleep(1000, "never"))
        await asyncio.sleep(delay)
        task._fut_waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())


def test_many_at_once_end_in_the_order_of_their_delays(run, lib):
    async def main():
        ended = []

        async def nap(number):
            await lib.sleep(0.02 * number)
            ended.append(number)

        await asyncio.gather(*(nap(number) for number in (5, 1, 4, 0, 3, 2)))
        assert ended == [0, 1, 2, 3, 4, 5]

    run(main())


class Box:
    pass


@pytest.mark.parametrize("delay", [0, 1])
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
def test_one_that_refers_to_itself_by_its_result_is_collected(lib, delay):
    box = Box()
    box.coroutine = lib.sleep(delay, box)
    alive = weakref.ref(box)
    del box
    gc.collect()
    assert alive() is None


def test_one_that_was_never_awaited_can_be_kept_by_who_is_warned(lib):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        lib.sleep(0)
        gc.collect()
    (warning,) = caught
    kept = warning.source
    assert gc.is_tracked(kept)
    assert kept.send(None) is None
    alive = weakref.ref(kept)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kept.close()
        del kept, warning, caught
        gc.collect()
    assert alive() is None


@pytest.mark.parametrize("delay", [0, 1000])
def test_one_that_waits_and_refers_to_itself_is_collected(loop, lib, delay):
    """Suspended, what it refers to is known to the collector as that of every other coroutine."""

    async def main():
        box = Box()
        box.coroutine = lib.sleep(delay, box)
        box.future = box.coroutine.send(None)
        return weakref.ref(box)

    alive = loop.run_until_complete(main())
    # The loop's timer refers to the result until it is dropped.
    loop.close()
    gc.collect()
    assert alive() is None


def test_one_without_a_result_that_waits_and_refers_to_itself_is_collected(loop, lib):
    async def main():
        coroutine = lib.sleep(1000)
        future = coroutine.send(None)
        box = Box()
        # The future knows the coroutine, which waits for it.
        future.add_done_callback(lambda _: (coroutine, box))
        return weakref.ref(box)

    alive = loop.run_until_complete(main())
    loop.close()
    gc.collect()
    assert alive() is None
