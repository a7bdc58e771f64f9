"""What a coroutine yields to the loop is checked; whatever it is, the task ends in an exception,
not in a crash."""

import asyncio
import types

import pytest


@types.coroutine
def yields(thing):
    return (yield thing)


@pytest.mark.parametrize("junk", [1, "text", object(), [], (None,), 0, False, int])
def test_a_bad_yield(loop, junk):
    async def main():
        await yields(junk)

    with pytest.raises(RuntimeError, match="^Task got bad yield: "):
        loop.run_until_complete(main())


def test_the_error_is_thrown_where_the_yield_is_and_can_be_caught(loop):
    async def main():
        with pytest.raises(RuntimeError, match="^Task got bad yield: 7$"):
            await yields(7)
        await asyncio.sleep(0)
        return "went on"

    assert loop.run_until_complete(main()) == "went on"


def test_a_bare_yield_is_one_turn(loop):
    async def main():
        seen = []
        loop.call_soon(seen.append, "turn")
        assert await yields(None) is None
        return seen

    assert loop.run_until_complete(main()) == ["turn"]


def test_a_yielded_generator_is_named_in_the_error(loop):
    def generator():
        yield

    async def main():
        await yields(generator())

    with pytest.raises(
        RuntimeError,
        match="^Task was yielding from generator|yield was used instead of yield from for generator",
    ):
        loop.run_until_complete(main())


def test_a_future_yielded_without_await(loop):
    future = loop.create_future()

    async def main():
        await yields(future)

    with pytest.raises(RuntimeError, match="^yield was used instead of yield from in task "):
        loop.run_until_complete(main())


def test_an_awaitable_that_is_no_iterator(loop):
    class Bad:
        def __await__(self):
            return 3

    async def main():
        await Bad()

    with pytest.raises(TypeError):
        loop.run_until_complete(main())


@pytest.mark.parametrize("flag", ["yes", None, 1, []])
def test_a_foreign_future_with_an_odd_blocking_flag(loop, flag):
    """None means "no future at all"; every other value is judged by its truth."""

    class Odd:
        _asyncio_future_blocking = flag

        def get_loop(self):
            return loop

        def add_done_callback(self, callback, *, context=None):
            loop.call_soon(callback, self)

        def result(self):
            return None

    async def main():
        await yields(Odd())
        return "woken"

    if flag:
        assert loop.run_until_complete(main()) == "woken"
    else:
        message = "Task got bad yield" if flag is None else "yield was used instead of yield from"
        with pytest.raises(RuntimeError, match=message):
            loop.run_until_complete(main())


class FlagRaises:
    @property
    def _asyncio_future_blocking(self):
        raise OSError("odd future")


class RefusesCallbacks:
    _asyncio_future_blocking = True

    def get_loop(self):
        return asyncio.get_running_loop()

    def add_done_callback(self, callback, *, context=None):
        raise OSError("odd future")


class LoopRaises(RefusesCallbacks):
    def get_loop(self):
        raise OSError("odd future")


@pytest.mark.parametrize("odd", [FlagRaises, RefusesCallbacks, LoopRaises])
def test_a_foreign_future_whose_protocol_raises(loop, odd, reported):
    """The stock C task sometimes lets that error out to the loop and never ends; both ways the
    error is not lost."""
    loop.set_exception_handler(reported)

    async def work():
        await yields(odd())

    async def main():
        task = asyncio.create_task(work())
        done, _ = await asyncio.wait([task], timeout=0.01)
        errors = [task.exception()] if done else [context.get("exception") for context in reported]
        assert [str(error) for error in errors] == ["odd future"]
        assert isinstance(errors[0], OSError)
        task._log_destroy_pending = False

    loop.run_until_complete(main())


def test_a_foreign_future_that_works(loop):
    """Anything with the protocol of asyncio.isfuture may be awaited."""

    class Foreign:
        _asyncio_future_blocking = False
        callbacks = ()

        def get_loop(self):
            return loop

        def add_done_callback(self, callback, *, context=None):
            self.callbacks += ((callback, context),)

        def result(self):
            return "foreign"

        def finish(self):
            for callback, context in self.callbacks:
                loop.call_soon(callback, self, context=context)

        def __await__(self):
            self._asyncio_future_blocking = True
            yield self
            return self.result()

    foreign = Foreign()
    loop.call_later(0.001, foreign.finish)

    async def main():
        return await foreign

    assert loop.run_until_complete(main()) == "foreign"


def test_a_coroutine_that_is_already_running_elsewhere(loop):
    async def work():
        await asyncio.sleep(0)

    coro = work()

    async def main():
        first, second = asyncio.create_task(coro), asyncio.create_task(coro)
        outcomes = await asyncio.gather(first, second, return_exceptions=True)
        assert any(isinstance(outcome, RuntimeError) for outcome in outcomes)

    loop.run_until_complete(main())


def test_a_finished_coroutine_cannot_be_run_again(loop):
    async def work():
        return 1

    coro = work()
    assert loop.run_until_complete(coro) == 1
    with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
        loop.run_until_complete(coro)


def test_send_that_raises_something_odd(loop):
    import collections.abc

    class Coroutine(collections.abc.Coroutine):
        def send(self, _):
            raise StopIteration

        def throw(self, *args):
            raise args[0]

        def close(self):
            pass

        def __await__(self):
            return self

    assert loop.run_until_complete(loop.create_task(Coroutine())) is None


def test_a_stop_iteration_with_a_tuple_is_the_tuple(loop):
    async def work():
        return (1, 2)

    async def stop():
        return StopIteration(3)

    assert loop.run_until_complete(work()) == (1, 2)
    result = loop.run_until_complete(stop())
    assert isinstance(result, StopIteration) and result.value == 3
