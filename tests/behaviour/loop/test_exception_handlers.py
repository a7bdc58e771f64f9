"""The exception handler: who gets what, what the default one writes, and what happens when it fails
itself."""

import asyncio
import logging
import socket
import sys

import pytest


def test_set_and_get(loop):
    assert loop.get_exception_handler() is None

    def handler(loop, context):
        pass

    loop.set_exception_handler(handler)
    assert loop.get_exception_handler() is handler
    loop.set_exception_handler(None)
    assert loop.get_exception_handler() is None


@pytest.mark.parametrize("junk", [3, "text", object()])
def test_it_must_be_callable(loop, junk):
    with pytest.raises(TypeError, match="^A callable object or None is expected, got "):
        loop.set_exception_handler(junk)


def test_it_gets_the_loop_and_the_context(loop):
    seen = []
    loop.set_exception_handler(lambda *args: seen.append(args))
    context = {"message": "hello", "mine": 1}
    loop.call_exception_handler(context)
    assert seen == [(loop, context)]
    assert seen[0][1] is context


def test_the_default_handler_writes_to_the_log(loop, log):
    error = LookupError("why")
    loop.call_exception_handler({"message": "what happened", "exception": error, "mine": [1, 2]})
    (record,) = log.records
    assert record.name == "asyncio" and record.levelno == logging.ERROR
    assert record.getMessage() == "what happened\nmine: [1, 2]"
    assert record.exc_info[1] is error


def test_the_default_handler_without_a_message(loop, log):
    loop.default_exception_handler({})
    assert log.records[0].getMessage() == "Unhandled exception in event loop"


def test_the_default_handler_formats_tracebacks(loop, log):
    import traceback

    loop.default_exception_handler(
        {"message": "m", "source_traceback": traceback.extract_stack(limit=1)}
    )
    assert (
        log.records[0]
        .getMessage()
        .startswith("m\nsource_traceback: Object created at (most recent call last):\n")
    )


def test_a_failing_callback_in_the_log(loop, log):
    def broken():
        raise LookupError("broken callback")

    loop.call_soon(broken)
    loop.stop()
    loop.run_forever()
    (record,) = log.records
    lines = record.getMessage().splitlines()
    assert lines[0].startswith("Exception in callback ")
    assert "broken() at " in lines[0]
    assert lines[1].startswith("handle: <Handle ")
    assert record.exc_info[0] is LookupError


def test_a_handler_that_raises_is_logged_with_what_it_was_told(loop, log):
    def handler(loop, context):
        raise ZeroDivisionError

    loop.set_exception_handler(handler)
    loop.call_exception_handler({"message": "original"})
    assert (
        log.records[0]
        .getMessage()
        .startswith("Unhandled error in exception handler\ncontext: {'message': 'original'")
    )


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_the_strong_exceptions_leave_the_handler(loop, error):
    def handler(loop, context):
        raise error("strong")

    loop.set_exception_handler(handler)
    with pytest.raises(error, match="strong"):
        loop.call_exception_handler({"message": "m"})
    loop.set_exception_handler(None)


def test_an_overridden_default_handler_is_used(loop):
    kind = type(loop)
    seen = []

    class Loud(kind):
        def default_exception_handler(self, context):
            seen.append(context["message"])

    loud = Loud()
    loud.call_soon(lambda: 1 / 0)
    loud.stop()
    loud.run_forever()
    loud.close()
    assert seen[0].startswith("Exception in callback ")


def test_a_handler_can_stop_and_schedule(loop):
    seen = []

    def handler(loop, context):
        loop.call_soon(seen.append, "scheduled")
        loop.call_soon(loop.stop)

    loop.set_exception_handler(handler)
    loop.call_soon(lambda: 1 / 0)
    loop.run_forever()
    assert seen == ["scheduled"]


def test_the_handler_runs_in_the_context_of_the_callback(loop):
    """Since 3.12, for handles and tasks."""
    import contextvars
    import sys

    var = contextvars.ContextVar("var", default="unset")
    seen = []
    loop.set_exception_handler(lambda loop, context: seen.append(var.get()))

    def broken():
        var.set("callback")
        raise ValueError

    loop.call_soon(broken)
    loop.stop()
    loop.run_forever()
    assert seen == ["callback" if sys.version_info >= (3, 12) else "unset"]


@pytest.mark.parametrize("where", ["callback", "timer", "reader", "connection_made", "data_received"])
def test_a_handler_runs_while_the_error_is_handled(loop, where):
    """So `logger.exception` and `traceback.print_exc` show it, and what the handler raises has it for its context."""
    error, seen = ZeroDivisionError(where), []
    left, right = socket.socketpair()
    left.setblocking(False)

    def handler(loop, context):
        seen.append((context["exception"], sys.exc_info()[1]))
        told.set_result(None)

    def fail(*args):
        loop.remove_reader(left) if where == "reader" else None
        raise error

    class Failing(asyncio.Protocol):
        pass

    loop.set_exception_handler(handler)
    transport, told = None, loop.create_future()
    if where == "callback":
        loop.call_soon(fail)
    elif where == "timer":
        loop.call_later(0.001, fail)
    elif where == "reader":
        loop.add_reader(left, fail)
    else:
        setattr(Failing, where, fail)
        transport, _ = loop.run_until_complete(loop.create_unix_connection(Failing, sock=left))
    right.send(b"x")
    loop.run_until_complete(told)
    assert seen == [(error, error)]
    assert sys.exc_info() == (None, None, None)
    if transport is not None:
        transport.abort()
        loop.run_until_complete(asyncio.sleep(0))
    left.close()
    right.close()
