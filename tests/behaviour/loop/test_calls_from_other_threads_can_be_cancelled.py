"""The handle of `call_soon_threadsafe` in another thread: since 3.14 `cancel` and `cancelled` wait while the call runs there, so
that nobody learns "cancelled" of a call that has run."""

import asyncio
import concurrent.futures
import sys
import threading

import pytest

new_in_314 = pytest.mark.skipif(sys.version_info < (3, 14), reason="new in 3.14")


def in_thread(function):
    """The function's result, computed in another thread, as a concurrent future."""
    future = concurrent.futures.Future()
    threading.Thread(target=lambda: future.set_result(function())).start()
    return future


def test_before_it_runs(loop):
    ran, ready = [], threading.Event()

    def other():
        handle = loop.call_soon_threadsafe(ran.append, 1)
        handle.cancel()
        answer = handle.cancelled()
        loop.call_soon_threadsafe(loop.stop)
        ready.set()
        return answer

    loop.call_soon(ready.wait)
    answer = in_thread(other)
    loop.run_forever()
    assert answer.result() is True
    assert ran == []


@new_in_314
@pytest.mark.parametrize("threads", [1, 5])
@pytest.mark.parametrize("ask", ["cancel", "cancelled"])
@pytest.mark.parametrize("fails", [False, True])
def test_while_it_runs(loop, threads, ask, fails, reported):
    loop.set_exception_handler(reported)
    began, go_on, asking, ran = threading.Event(), threading.Event(), [], []

    def call():
        began.set()
        go_on.wait()
        ran.append(True)
        if fails:
            raise ZeroDivisionError

    handle = loop.call_soon_threadsafe(call)

    def other():
        began.wait()
        asking.append(True)
        if len(asking) == threads:
            # The last one lets the call go on; those who asked before must still wait for its end.
            threading.Timer(0.05, go_on.set).start()
        getattr(handle, ask)()
        return list(ran)

    answers = [in_thread(other) for _ in range(threads)]
    loop.call_later(0.3, loop.stop)
    loop.run_forever()
    assert [answer.result() for answer in answers] == [[True]] * threads
    assert [type(context["exception"]) for context in reported] == [ZeroDivisionError] * fails


def test_from_inside_of_the_call(loop):
    handles, ran = [], []

    def call():
        handles[0].cancel()
        ran.append(handles[0].cancelled())
        loop.stop()

    handles.append(loop.call_soon_threadsafe(call))
    loop.run_forever()
    assert ran == [True]


@new_in_314
def test_what_it_is(loop):
    handle = loop.call_soon_threadsafe(print)
    assert isinstance(handle, asyncio.Handle)
    assert isinstance(handle, asyncio.events._ThreadSafeHandle)
    other = loop.call_soon(print)
    assert not isinstance(other, asyncio.events._ThreadSafeHandle)
    for each in (handle, other):
        each.cancel()
        assert "cancelled" in repr(each)
