"""A handle that the program keeps on the very object it calls closes a cycle; the collector must
see through it.

Found in review by keeping handles where servers keep them (a timeout on a request, the request in
a context variable): ferrio's handles are not followed by the collector, and they held on to their
context after they had run, to their call after it had failed, and to both when the loop was closed.
"""

import contextvars
import gc
import os
import weakref

import pytest

request_var = contextvars.ContextVar("request_var")


class Request:
    """Holds a handle that calls it."""

    handle = None

    def method(self, *args):
        pass

    def fails(self):
        raise ValueError("on purpose")


def run_a_turn(loop):
    loop.call_soon(loop.stop)
    loop.run_forever()


def in_its_context(request, function):
    """Calls the function in a new context whose variable holds the request."""

    def inner():
        request_var.set(request)
        request.handle = function()

    contextvars.copy_context().run(inner)


CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


@case
def context_of_a_callback_that_ran(loop, request):
    in_its_context(request, lambda: loop.call_soon(len, ()))
    run_a_turn(loop)


@case
def context_of_a_callback_of_a_thread_that_ran(loop, request):
    in_its_context(request, lambda: loop.call_soon_threadsafe(len, ()))
    run_a_turn(loop)


@case
def context_of_a_timer_that_ran(loop, request):
    in_its_context(request, lambda: loop.call_later(0, len, ()))
    loop.call_later(0.001, loop.stop)
    loop.run_forever()


@case
def context_of_a_cancelled_callback(loop, request):
    in_its_context(request, lambda: loop.call_soon(len, ()))
    request.handle.cancel()
    run_a_turn(loop)


@case
def context_of_a_cancelled_timer(loop, request):
    in_its_context(request, lambda: loop.call_later(100, len, ()))
    request.handle.cancel()


@case
def callback_that_ran(loop, request):
    request.handle = loop.call_soon(request.method, request)
    run_a_turn(loop)


@case
def callback_that_failed(loop, request):
    loop.set_exception_handler(lambda loop, context: None)
    request.handle = loop.call_soon(request.fails)
    run_a_turn(loop)


@case
def timer_that_failed(loop, request):
    loop.set_exception_handler(lambda loop, context: None)
    request.handle = loop.call_later(0, request.fails)
    loop.call_later(0.001, loop.stop)
    loop.run_forever()


@case
def callback_pending_at_close(loop, request):
    request.handle = loop.call_soon(request.method, request)


@case
def callback_of_a_thread_pending_at_close(loop, request):
    request.handle = loop.call_soon_threadsafe(request.method, request)


@case
def timer_pending_at_close(loop, request):
    request.handle = loop.call_later(100, request.method, request)


@case
def timeout_of_a_request(loop, request):
    async def serve(request):
        request_var.set(request)
        request.handle = loop.call_later(30, request.method)
        run.append(request.handle.when())
        request.handle.cancel()

    run = []
    loop.run_until_complete(serve(request))
    assert run


@case
def timeout_of_a_request_pending_at_close(loop, request):
    async def serve(request):
        request_var.set(request)
        request.handle = loop.call_later(30, request.method)

    loop.run_until_complete(serve(request))


@case
def the_loop_too(loop, request):
    request.loop = loop
    request.handle = loop.call_later(100, request.method, loop)


def made(new_loop, case, *, close):
    """Weak references to a request and a loop that nobody holds from outside."""
    loop, request = new_loop(), Request()
    case(loop, request)
    if close:
        loop.close()
    return weakref.ref(request), weakref.ref(loop)


@pytest.mark.parametrize("name", CASES)
def test_after_close(loop_factory, name):
    request, loop = made(loop_factory, CASES[name], close=True)
    gc.collect()
    assert request() is None
    assert loop() is None


@pytest.mark.parametrize("direction", ["reader", "writer"])
def test_watcher_at_close(loop_factory, direction):
    fds = os.pipe()

    def watch(loop, request):
        fd = fds[direction == "writer"]
        # add_reader and add_writer do not hand it out.
        request.handle = getattr(loop, f"_add_{direction}")(fd, request.method, request)
        assert request.handle is not None

    request, loop = made(loop_factory, watch, close=True)
    for fd in fds:
        os.close(fd)
    gc.collect()
    assert request() is None
    assert loop() is None


# What has run or was cancelled is let go of; these wait.
PENDING = [name for name in CASES if name.endswith("at_close")] + ["the_loop_too"]


@pytest.mark.filterwarnings("ignore:unclosed event loop:ResourceWarning")
@pytest.mark.parametrize("name", PENDING)
def test_a_loop_that_nobody_closed(flavour, loop_factory, name):
    """It is collected together with what waits in it, and closes itself with a warning."""
    if flavour.name == "ferrio":
        pytest.skip("a difference: docs/differences.md, handles that a program keeps")
    request, loop = made(loop_factory, CASES[name], close=False)
    gc.collect()
    alive = [reference() for reference in (request, loop)]
    if alive[1] is not None:
        alive[1].close()  # so that only this test fails, and not the count of descriptors too
    assert alive == [None, None]
