"""`wrap_future`: a future of the loop ends as the `concurrent.futures.Future` does, whichever thread ends it."""

import asyncio
import concurrent.futures
import gc
import threading
import weakref

import pytest
from flavours import FLAVOURS_AND_STOCK_LOOP


@pytest.fixture(params=FLAVOURS_AND_STOCK_LOOP, ids=lambda flavour: flavour.name)
def flavour(request):
    """The implementation under test: name, lib, new_event_loop, Future, Task."""
    return request.param


@pytest.fixture
def lib(flavour):
    return flavour.lib


class Derived(concurrent.futures.Future):
    pass


@pytest.fixture(params=(concurrent.futures.Future, Derived))
def source(request):
    return request.param()


def from_thread(function, *arguments):
    thread = threading.Thread(target=function, args=arguments)
    thread.start()
    thread.join()


def test_a_result_from_another_thread(run, lib, source):
    async def main():
        wrapping = lib.wrap_future(source)
        assert isinstance(wrapping, asyncio.Future)
        from_thread(source.set_result, 42)
        assert not wrapping.done()
        assert await wrapping == 42

    run(main())


def test_what_is_done_already(run, lib, source):
    async def main():
        source.set_result(42)
        assert await lib.wrap_future(source, loop=asyncio.get_running_loop()) == 42

    run(main())


@pytest.mark.parametrize(
    "error, arrives",
    (
        (LookupError("no"), LookupError),
        (concurrent.futures.CancelledError("gone"), asyncio.CancelledError),
        (concurrent.futures.InvalidStateError("odd"), asyncio.InvalidStateError),
    ),
)
def test_an_exception(run, lib, source, error, arrives):
    async def main():
        wrapping = lib.wrap_future(source)
        from_thread(source.set_exception, error)
        await asyncio.wait([wrapping])
        exception = wrapping.exception()
        assert type(exception) is arrives and exception.args == error.args

    run(main())


def test_the_source_is_cancelled(run, lib, source):
    async def main():
        wrapping = lib.wrap_future(source)
        from_thread(source.cancel)
        with pytest.raises(asyncio.CancelledError):
            await wrapping
        assert wrapping.cancelled()

    run(main())


@pytest.mark.parametrize("running", (False, True))
def test_the_wrapping_future_is_cancelled(run, lib, source, running):
    async def main():
        wrapping = lib.wrap_future(source)
        if running:
            source.set_running_or_notify_cancel()
        wrapping.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert source.cancelled() is not running
        if running:
            # What is running goes on, and nobody is told.
            from_thread(source.set_result, 42)
            await asyncio.sleep(0)
        assert wrapping.cancelled()

    run(main())


def test_the_loop_is_closed_before_the_end(loop_factory, lib, source):
    loop = loop_factory()
    wrapping = lib.wrap_future(source, loop=loop)
    loop.close()
    source.set_result(42)
    assert not wrapping.done()


def test_a_future_is_returned_as_it_is(run, lib):
    async def main():
        loop = asyncio.get_running_loop()
        for future in (loop.create_future(), asyncio.Future(loop=loop)):
            assert lib.wrap_future(future) is future
        with pytest.raises(AssertionError, match="^concurrent.futures.Future is expected, got 1$"):
            lib.wrap_future(1)
        with pytest.raises(TypeError):
            lib.wrap_future()

    run(main())


def test_nobody_is_kept_alive(run, lib):
    async def main():
        source = Plain()
        wrapping = lib.wrap_future(source)
        alive = weakref.ref(source), weakref.ref(wrapping)
        del source, wrapping
        gc.collect()
        assert [reference() for reference in alive] == [None, None]

    class Plain(concurrent.futures.Future):
        pass

    run(main())


def test_executors_and_threads(run):
    async def main():
        loop = asyncio.get_running_loop()
        assert await loop.run_in_executor(None, pow, 2, 10) == 1024
        assert await asyncio.to_thread(pow, 2, 10) == 1024
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(None, divmod, 1, 0)

    run(main())
