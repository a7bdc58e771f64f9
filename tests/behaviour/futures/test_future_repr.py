"""repr of futures and tasks is CPython's, in every state, whatever the running version prints."""

import asyncio
import re

import pytest


def callback(future):
    """A callback with a name for the repr."""


def shape(thing):
    """The repr without addresses and task numbers, and without lines of stock's own Python code: `create_future`,
    `ensure_future` and the callback of `run_until_complete` are native in ferrio and have none."""
    text = re.sub(r"Task-\d+", "Task-N", re.sub(r"0x[0-9a-f]+", "0x", repr(thing)))
    text = re.sub(r" created at \S+:\d+", " created at SOMEWHERE", text)
    return re.sub(r"\[(Loop\.)?(_run_until_complete_cb\(\))( at [^]]*)?\]", r"[\2]", text)


async def coroutine(loop):
    await asyncio.sleep(0)


async def wait_for(future):
    await future


@pytest.fixture
def stock():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def future_shapes(loop):
    pending, one, two, many = (loop.create_future() for _ in range(4))
    one.add_done_callback(callback)
    for _ in range(2):
        two.add_done_callback(callback)
    for _ in range(5):
        many.add_done_callback(callback)
    finished, failed, cancelled, long = (loop.create_future() for _ in range(4))
    finished.set_result({"a": 1})
    failed.set_exception(ValueError("bad"))
    failed.exception()
    cancelled.cancel("message")
    long.set_result("x" * 1000)
    return [
        shape(future) for future in (pending, one, two, many, finished, failed, cancelled, long)
    ]


def recursive_shape(loop):
    future = loop.create_future()
    future.set_result([future])
    return shape(future)


def task_shapes(loop):
    shapes = []

    async def main():
        future = loop.create_future()
        named = loop.create_task(wait_for(future), name="named")
        shapes.append(shape(named))
        await asyncio.sleep(0)
        shapes.append(shape(named))
        shapes.append(shape(future))
        named.add_done_callback(callback)
        shapes.append(shape(named))
        shapes.append(shape(asyncio.current_task()))
        named.cancel()
        shapes.append(shape(named))
        await asyncio.wait([named])
        shapes.append(shape(named))
        done = loop.create_task(asyncio.sleep(0, "result"))
        shapes.append(shape(done))
        await done
        shapes.append(shape(done))
        failed = loop.create_task(fail())
        await asyncio.wait([failed])
        failed.exception()
        shapes.append(shape(failed))

    loop.run_until_complete(main())
    return shapes


async def fail():
    raise LookupError("lost")


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("shapes", [future_shapes, recursive_shape, task_shapes])
def test_repr_is_stocks(loop, stock, shapes, debug):
    loop.set_debug(debug)
    stock.set_debug(debug)
    assert shapes(loop) == shapes(stock)


def test_debug_mode_tells_where_a_future_was_made(flavour, loop):
    loop.set_debug(True)
    future = flavour.Future(loop=loop)
    assert re.search(rf"created at {re.escape(__file__)}:\d+>$", repr(future))


@pytest.mark.debug_off
def test_repr_of_a_pending_future(loop):
    assert repr(loop.create_future()) == "<Future pending>"


@pytest.mark.debug_off
def test_repr_of_a_subclass_has_its_name(flavour, loop):
    class Promise(flavour.Future):
        pass

    assert repr(Promise(loop=loop)) == "<Promise pending>"


def test_repr_of_an_object_whose_repr_raises(loop):
    class Bad:
        def __repr__(self):
            raise OSError("no repr")

    future = loop.create_future()
    future.set_result(Bad())
    assert repr(future).startswith("<Future finished result=<Bad ")
