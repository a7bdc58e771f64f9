"""A future is pending until it has one result, one exception, or is cancelled; then it never
changes."""

import asyncio
import sys

import pytest


@pytest.fixture
def future(loop):
    return loop.create_future()


def test_the_loop_makes_the_implementations_own_future(flavour, loop):
    future = loop.create_future()
    assert type(future) is flavour.Future
    assert isinstance(future, asyncio.Future)
    assert asyncio.isfuture(future)
    assert future.get_loop() is loop


def test_a_new_future_is_pending(future):
    assert not future.done()
    assert not future.cancelled()
    with pytest.raises(asyncio.InvalidStateError, match="^Result is not set.$"):
        future.result()
    with pytest.raises(asyncio.InvalidStateError, match="^Exception is not set.$"):
        future.exception()


def test_set_result(future):
    value = object()
    assert future.set_result(value) is None
    assert future.done()
    assert not future.cancelled()
    assert future.result() is value
    assert future.result() is value
    assert future.exception() is None


def test_set_exception(future):
    error = ValueError("bad")
    future.set_exception(error)
    assert future.done()
    assert not future.cancelled()
    assert future.exception() is error
    with pytest.raises(ValueError) as caught:
        future.result()
    assert caught.value is error


def test_an_exception_class_is_instantiated(future):
    future.set_exception(KeyError)
    assert type(future.exception()) is KeyError


@pytest.mark.parametrize("junk", [3, "text", object(), int, None])
def test_only_exceptions_are_exceptions(future, junk):
    with pytest.raises(TypeError, match="exception"):
        future.set_exception(junk)
    future.cancel()


def test_stop_iteration_cannot_be_raised_into_a_future(future):
    """PEP 479: a StopIteration would end the awaiting coroutine. Since 3.12 it arrives as the
    RuntimeError's cause."""
    try:
        future.set_exception(StopIteration)
    except TypeError as error:
        assert (
            str(error)
            == "StopIteration interacts badly with generators and cannot be raised into a Future"
        )
        future.cancel()
    else:
        error = future.exception()
        assert isinstance(error, RuntimeError)
        assert isinstance(error.__cause__, StopIteration)


SETTERS = {
    "result": lambda future: future.set_result(1),
    "exception": lambda future: future.set_exception(ValueError()),
}


@pytest.mark.parametrize("first", [*SETTERS, "cancel"])
@pytest.mark.parametrize("second", SETTERS)
def test_a_second_outcome_is_refused(future, first, second):
    {**SETTERS, "cancel": lambda future: future.cancel()}[first](future)
    before = repr(future)
    with pytest.raises(asyncio.InvalidStateError):
        SETTERS[second](future)
    assert repr(future) == before
    if first == "exception":
        future.exception()


def test_cancel_of_a_finished_future_is_refused(future):
    future.set_result(1)
    assert future.cancel() is False
    assert future.result() == 1


def test_cancel(future):
    assert future.cancel() is True
    assert future.cancelled()
    assert future.done()
    assert future.cancel() is False
    for ask in (future.result, future.exception):
        with pytest.raises(asyncio.CancelledError):
            ask()


def test_cancel_message(future):
    future.cancel(msg="why")
    with pytest.raises(asyncio.CancelledError) as caught:
        future.result()
    assert caught.value.args == ("why",)


@pytest.mark.parametrize("message", [None, "text", 3, ("a", 1)])
def test_cancel_message_reaches_the_waiter(loop, future, message):
    async def main():
        try:
            await future
        except asyncio.CancelledError as error:
            return error.args

    loop.call_soon(future.cancel, message)
    assert loop.run_until_complete(main()) == (() if message is None else (message,))


def test_await_gives_the_result(loop, future):
    async def main():
        return await future

    loop.call_soon(future.set_result, "value")
    assert loop.run_until_complete(main()) == "value"


def test_await_raises_the_exception(loop, future):
    async def main():
        with pytest.raises(KeyError, match="key"):
            await future

    loop.call_soon(future.set_exception, KeyError("key"))
    loop.run_until_complete(main())


def test_await_of_a_finished_future_does_not_wait(loop, future):
    future.set_result(3)

    async def main():
        loop.call_soon(seen.append, "a turn passed")
        value = await future
        return value, list(seen)

    seen = []
    assert loop.run_until_complete(main()) == (3, [])


def test_yield_from_and_iter(loop, future):
    steps = iter(future)
    assert next(steps) is future
    assert future._asyncio_future_blocking is True
    future._asyncio_future_blocking = False
    future.set_result(4)
    with pytest.raises(StopIteration) as stop:
        next(steps)
    assert stop.value.value == 4


def test_going_on_before_the_result_is_an_error(future):
    steps = future.__await__()
    next(steps)
    with pytest.raises(RuntimeError, match="await wasn't used with future"):
        next(steps)
    future.cancel()


def test_the_iterator_takes_throw_and_close(loop, future):
    steps = future.__await__()
    next(steps)
    with pytest.raises(OSError):
        steps.throw(OSError("thrown"))
    other = loop.create_future().__await__()
    next(other)
    other.close()


def test_many_waiters_all_get_it_in_order(loop, future):
    seen = []

    async def waiter(name):
        seen.append((name, await future))

    async def main():
        tasks = [asyncio.create_task(waiter(name)) for name in range(50)]
        await asyncio.sleep(0)
        future.set_result("x")
        await asyncio.gather(*tasks)

    loop.run_until_complete(main())
    assert seen == [(name, "x") for name in range(50)]


def test_the_exception_keeps_its_traceback_for_each_waiter(loop, future):
    """Awaiting the same failed future many times must not grow one traceback without bound."""
    future.set_exception(ValueError("shared"))

    async def main():
        lengths = []
        for _ in range(5):
            try:
                await future
            except ValueError as error:
                count, tb = 0, error.__traceback__
                while tb:
                    count, tb = count + 1, tb.tb_next
                lengths.append(count)
        return lengths

    assert len(set(loop.run_until_complete(main()))) == 1


def test_constructor(flavour, loop):
    assert flavour.Future(loop=loop).get_loop() is loop
    with pytest.raises(TypeError):
        flavour.Future(loop)

    async def main():
        return flavour.Future().get_loop()

    assert loop.run_until_complete(main()) is loop


@pytest.mark.skipif(sys.version_info >= (3, 15), reason="3.15 refuses a second __init__")
def test_calling_init_again_starts_over(flavour, loop):
    future = flavour.Future(loop=loop)
    future.set_result(1)
    future.__init__(loop=loop)
    assert not future.done()


def test_get_loop_before_init_is_an_error(flavour):
    future = flavour.Future.__new__(flavour.Future)
    with pytest.raises(RuntimeError, match="Future object is not initialized"):
        future.get_loop()
    with pytest.raises((RuntimeError, AttributeError)):
        future.set_result(1)
    repr(type(future))


def test_internal_attributes_that_libraries_read(loop, future):
    assert future._state == "PENDING"
    assert future._loop is loop
    assert future._asyncio_future_blocking is False
    assert future._callbacks is None
    assert future._exception is None
    future.set_result(5)
    assert (future._state, future._result) == ("FINISHED", 5)
    cancelled = loop.create_future()
    cancelled.cancel("m")
    assert (cancelled._state, cancelled._cancel_message) == ("CANCELLED", "m")


def test_generic_alias(flavour):
    assert flavour.Future[int].__origin__ is flavour.Future


RAISING = {
    "result": lambda future: future.result(),
    "exception": lambda future: future.exception(),
    "set_result": lambda future: future.set_result(1),
    "set_exception": lambda future: future.set_exception(ValueError()),
    "await": lambda future: future.__await__().send(None),
}


@pytest.mark.parametrize("how", RAISING)
@pytest.mark.parametrize("state", ["pending", "failed", "cancelled"])
def test_what_is_raised_while_another_is_handled_has_it_for_its_context(future, state, how):
    if state == "failed":
        future.set_exception(ValueError("of the future"))
    elif state == "cancelled":
        future.cancel()
    outer = LookupError("outer")
    try:
        raise outer
    except LookupError:
        try:
            RAISING[how](future)
        except BaseException as error:
            assert error.__context__ is outer
    if future.done() and not future.cancelled():
        future.exception()


def test_so_has_what_is_thrown_into_a_coroutine_that_waits(flavour, loop):
    async def main():
        try:
            await flavour.lib.sleep(1000)
        except asyncio.CancelledError as error:
            return error.__context__

    task = loop.create_task(main())
    loop.call_soon(loop.call_soon, task.cancel)
    try:
        raise LookupError("outer")
    except LookupError as outer:
        assert loop.run_until_complete(task) is outer


def test_a_task_asks_a_future_of_somebody_elses_to_cancel_by_position(loop):
    class Somebodys:
        _asyncio_future_blocking = False

        def __init__(self):
            self.future = loop.create_future()
            self.get_loop, self.add_done_callback = self.future.get_loop, self.future.add_done_callback

        def cancel(self, reason=None):
            return self.future.cancel(reason)

        def __await__(self):
            self._asyncio_future_blocking = True
            yield self
            return self.future.result()

    async def main():
        await Somebodys()

    task = loop.create_task(main())
    loop.call_soon(loop.call_soon, task.cancel, "why")
    with pytest.raises(asyncio.CancelledError, match="why"):
        loop.run_until_complete(task)
