"""A `Timeout` cancels the task that has entered it, and turns that cancellation, and no other, into a
TimeoutError."""

import asyncio
import contextlib
import gc
import weakref

import pytest


async def forever():
    await asyncio.get_running_loop().create_future()


def test_in_time_nothing_happens(run, lib):
    async def main():
        async with lib.timeout(1000) as timeout:
            await asyncio.sleep(0)
            assert not timeout.expired()
            assert timeout.when() > asyncio.get_running_loop().time() + 900
        assert not timeout.expired()
        assert asyncio.current_task().cancelling() == 0

    run(main())


@pytest.mark.parametrize("delay", [0.01, 0, -1])
def test_too_late_is_a_timeout_error(run, lib, delay):
    async def main():
        with pytest.raises(TimeoutError) as caught:
            async with lib.timeout(delay) as timeout:
                await forever()
        assert caught.value.args == ()
        assert isinstance(caught.value.__cause__, asyncio.CancelledError)
        assert timeout.expired()
        assert asyncio.current_task().cancelling() == 0

    run(main())


def test_none_never_expires_and_can_be_given_a_time(run, lib):
    async def main():
        loop = asyncio.get_running_loop()
        async with lib.timeout(None) as timeout:
            assert timeout.when() is None
            timeout.reschedule(loop.time() + 1000)
            timeout.reschedule(None)
        with pytest.raises(TimeoutError):
            async with lib.timeout_at(None) as timeout:
                timeout.reschedule(loop.time() - 1)
                await forever()

    run(main())


def test_a_time_of_the_loops_clock(run, lib):
    async def main():
        when = asyncio.get_running_loop().time() + 0.01
        with pytest.raises(TimeoutError):
            async with lib.timeout_at(when) as timeout:
                assert timeout.when() is when
                await forever()

    run(main())


def test_how_it_looks(run, lib):
    async def main():
        timeout = lib.timeout_at(12345678.98765)
        assert repr(timeout) == "<Timeout [created]>"
        async with timeout:
            assert repr(timeout) == "<Timeout [active] when=12345678.988>"
            timeout.reschedule(None)
            assert repr(timeout) == "<Timeout [active] when=None>"
        assert repr(timeout) == "<Timeout [finished]>"
        with contextlib.suppress(TimeoutError):
            async with lib.timeout(0) as timeout:
                try:
                    await forever()
                finally:
                    assert repr(timeout) == "<Timeout [expiring]>"
        assert repr(timeout) == "<Timeout [expired]>"

    run(main())


def test_it_is_an_asyncio_timeout(run, lib):
    async def main():
        timeout = lib.timeout(1)
        assert isinstance(timeout, asyncio.Timeout)
        assert issubclass(type(timeout), asyncio.Timeout)
        assert type(timeout) is lib.Timeout and type(timeout).__name__ == "Timeout"
        assert isinstance(lib.Timeout(None), asyncio.Timeout)

    run(main())


def test_states_in_which_it_cannot_be_used(run, lib):
    async def main():
        timeout = lib.timeout(1000)
        with pytest.raises(RuntimeError, match="^Timeout has not been entered$"):
            timeout.reschedule(None)
        async with timeout:
            with pytest.raises(RuntimeError, match="^Timeout has already been entered$"):
                await timeout.__aenter__()
        with pytest.raises(RuntimeError, match="^Cannot change state of finished Timeout$"):
            timeout.reschedule(None)
        with pytest.raises(RuntimeError, match="^Timeout has already been entered$"):
            async with timeout:
                pass

    run(main())


def test_outside_of_a_task(lib, loop):
    with pytest.raises(RuntimeError, match="^no running event loop$"):
        lib.timeout(1)
    failed = []

    def callback():
        try:
            lib.timeout(1).__aenter__().send(None)
        except RuntimeError as error:
            failed.append(str(error))
        loop.stop()

    loop.call_soon(callback)
    loop.run_forever()
    assert failed == ["Timeout should be used inside a task"]


def test_it_begins_when_it_is_awaited(run, lib):
    async def main():
        timeout = lib.timeout(1000)
        entering = timeout.__aenter__()
        assert repr(timeout) == "<Timeout [created]>"
        assert await entering is timeout
        leaving = timeout.__aexit__(None, None, None)
        assert "active" in repr(timeout)
        assert await leaving is None
        assert repr(timeout) == "<Timeout [finished]>"

    run(main())


def test_left_without_being_entered(run, lib):
    async def main():
        with pytest.raises(AssertionError) as caught:
            await lib.timeout(1).__aexit__(None, None, None)
        assert caught.value.args == ()

    run(main())


def test_a_cancellation_from_outside_stays_one(run, lib):
    async def main():
        async def block():
            async with lib.timeout(1000):
                await forever()

        task = asyncio.create_task(block())
        await asyncio.sleep(0)
        task.cancel("outside")
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        assert caught.value.args == ("outside",)

    run(main())


def test_cancelled_from_outside_when_the_time_is_over(run, lib):
    async def main():
        async def block():
            async with lib.timeout(0) as timeout:
                asyncio.get_running_loop().call_soon(asyncio.current_task().cancel)
                try:
                    await forever()
                finally:
                    assert timeout.expired()
                    assert asyncio.current_task().cancelling() == 2

        task = asyncio.create_task(block())
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())


def test_one_in_another(run, lib):
    async def main():
        with pytest.raises(TimeoutError):
            async with lib.timeout(1000) as outer:
                with pytest.raises(TimeoutError):
                    async with lib.timeout(0.001):
                        await forever()
                async with lib.timeout(1000) as inner:
                    outer.reschedule(asyncio.get_running_loop().time())
                    await forever()
        assert outer.expired() and not inner.expired()

    run(main())


def test_other_errors_pass(run, lib):
    async def main():
        with pytest.raises(LookupError):
            async with lib.timeout(1000):
                raise LookupError
        with pytest.raises(LookupError) as caught:
            async with lib.timeout(0) as timeout:
                try:
                    await forever()
                except asyncio.CancelledError:
                    raise LookupError
        assert timeout.expired()
        inserted = hasattr(asyncio.Timeout, "_insert_timeout_error")
        kind = TimeoutError if inserted else asyncio.CancelledError
        assert type(caught.value.__context__) is kind

    run(main())


def test_in_a_task_that_is_noted_elsewhere(lib, loop, monkeypatch):
    """Since 3.14 `current_task` of CPython's pure-Python tasks is another function; found by its suite."""
    python = getattr(asyncio.tasks, "_py_current_task", asyncio.current_task)
    monkeypatch.setattr(asyncio.tasks, "current_task", python)

    async def main():
        with pytest.raises(TimeoutError):
            async with lib.timeout(0):
                await forever()

    loop.run_until_complete(asyncio.tasks._PyTask(main(), loop=loop))


def test_a_derived_class_is_asked(run, lib):
    class Mine(lib.Timeout):
        asked = ()

        def reschedule(self, when):
            self.asked += (when,)
            super().reschedule(when)

    async def main():
        async with Mine(None) as mine:
            mine.reschedule(asyncio.get_running_loop().time() + 1000)
        assert len(mine.asked) == 2 and mine.asked[0] is None

    run(main())


def test_numbers_of_other_kinds(run, lib):
    async def main():
        with pytest.raises(TypeError):
            lib.timeout("1")
        async with lib.timeout_at(10**30):
            pass
        with pytest.raises(TypeError):
            async with lib.timeout_at("1"):
                pass

    run(main())


@pytest.mark.debug_off
def test_left_it_keeps_nothing(run, lib):
    async def main():
        timeout = lib.timeout(1000)
        async with timeout:
            timeout.mark = timeout
        alive = weakref.ref(timeout)
        del timeout
        gc.collect()
        assert alive() is None

    run(main())


def test_what_its_timer_will_call(run, lib):
    async def main():
        async with lib.timeout(1000) as timeout:
            timer = timeout._timeout_handler
            assert timer._callback == timeout._on_timeout and timer._callback.__self__ is timeout
            assert timer._args == () and timer.when() == timeout.when()
            assert "_on_timeout" in repr(timer)
            assert timer == timer
        assert timer.cancelled() and timer._args is None

    run(main())


@pytest.mark.debug_off
def test_a_derived_class_may_stop_otherwise(run, lib):
    async def main():
        stopped = asyncio.get_running_loop().create_future()

        class Mine(lib.Timeout):
            def _on_timeout(self):
                stopped.set_result(self)
                super()._on_timeout()

        with pytest.raises(TimeoutError):
            async with Mine(asyncio.get_running_loop().time() + 0.01) as mine:
                await forever()
        assert await stopped is mine

    run(main())


def test_a_hundred_come_and_go_with_all_that_hangs_on_them(run, lib):
    class Mine(lib.Timeout):
        __slots__ = ("more",)

    async def main():
        for make in (lib.timeout, lib.timeout_at, lib.Timeout, Mine):
            dead = []
            for _ in range(100):
                timeout = make(None)
                timeout.mark = object()
                weakref.finalize(timeout, dead.append, timeout.mark)
                async with timeout:
                    assert vars(timeout)["mark"] is timeout.mark
                del timeout
                assert "mark" not in vars(make(None))
            gc.collect()
            assert len(dead) == 100

    run(main())


def test_a_finalizer_that_the_class_is_given(run, lib):
    async def main():
        dead, kept = [], []
        lib.Timeout.__del__ = lambda self: dead.append(self.when())
        try:
            for number in (1.0, 2.0):
                async with lib.timeout_at(10**9 + number):
                    pass
            ring = lib.timeout_at(3.0)
            ring.ring = ring
            del ring
            gc.collect()
            assert dead == [10**9 + 1, 10**9 + 2, 3]
            lib.Timeout.__del__ = lambda self: kept.append(self)
            lib.timeout_at(4.0)
            assert [timeout.when() for timeout in kept] == [4]
        finally:
            del lib.Timeout.__del__
        del kept[:]
        lib.timeout_at(5.0)
        async with lib.timeout(1000) as timeout:
            pass
        assert len(dead) == 3 and not timeout.expired()

    run(main())
