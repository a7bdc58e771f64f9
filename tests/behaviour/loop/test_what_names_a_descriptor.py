"""What add_reader and its relatives take for a descriptor, and what they say of anything else."""

import asyncio
import enum
import io
import os
import re
import socket
import sys

import pytest

ADD = ["add_reader", "add_writer"]
REMOVE = ["remove_reader", "remove_writer"]


def called(loop, method, file):
    return getattr(loop, method)(file, *([print] if method in ADD else []))


class Says:
    """A file whose `fileno()` says this."""

    def __init__(self, answer):
        self.answer = answer

    def __repr__(self):
        return f"Says({self.answer!r})"

    def fileno(self):
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


class Index:
    """No `int`, but as good as one for many."""

    def __index__(self):
        return 0


class NotCallable:
    fileno = 3


class NoRepr:
    def __repr__(self):
        raise LookupError("repr")


def closed_file():
    with open(os.devnull) as file:
        pass
    return file


def closed_socket():
    with socket.socket() as sock:
        pass
    return sock


NO_FILES = {
    "None": lambda: None,
    "str": lambda: "text",
    "float": lambda: 1.5,
    "function": lambda: len,
    "closed file": closed_file,
    "file in memory": io.StringIO,
    "index": Index,
    "not callable": NotCallable,
    "says a word": lambda: Says("word"),
    "says None": lambda: Says(None),
    "says NaN": lambda: Says(float("nan")),
    "raises AttributeError": lambda: Says(AttributeError("a")),
    "raises TypeError": lambda: Says(TypeError("t")),
    "raises ValueError": lambda: Says(ValueError("v")),
}


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
@pytest.mark.parametrize("method", ADD + REMOVE)
@pytest.mark.parametrize("name", NO_FILES)
def test_what_is_no_file(loop, name, method, closed):
    """A closed loop says so, too, before it says that it is closed."""
    if closed:
        loop.close()
    file = NO_FILES[name]()
    with pytest.raises(ValueError, match=f"^{re.escape(f'Invalid file object: {file!r}')}$") as caught:
        called(loop, method, file)
    assert type(caught.value) is ValueError
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("method", ADD + REMOVE)
@pytest.mark.parametrize("error", [OSError(5, "io"), LookupError("l"), KeyboardInterrupt()])
def test_other_errors_of_fileno_are_raised(loop, error, method):
    with pytest.raises(type(error)) as caught:
        called(loop, method, Says(error))
    assert caught.value is error


@pytest.mark.parametrize("method", ADD + REMOVE)
def test_an_error_of_repr_is_raised(loop, method):
    with pytest.raises(LookupError, match="^repr$"):
        called(loop, method, NoRepr())


class Numbers(enum.IntEnum):
    NEGATIVE = -3


@pytest.mark.parametrize("method", ADD + REMOVE)
@pytest.mark.parametrize(
    "file, number", [(-1, -1), (-7, -7), (-(2**31) - 1, -(2**31) - 1), (-(2**70), -(2**70)), (Says(-5), -5), (Says("-5"), -5), (Numbers.NEGATIVE, -3)]
)
def test_negative_numbers(loop, file, number, method):
    with pytest.raises(ValueError, match=f"^Invalid file descriptor: {number}$"):
        called(loop, method, file)


@pytest.mark.parametrize("method", ADD + REMOVE)
def test_a_closed_socket(loop, method):
    with pytest.raises(ValueError, match="^Invalid file descriptor: -1$"):
        called(loop, method, closed_socket())


@pytest.mark.parametrize("file", [2**31, 2**70, Says(2**40)])
def test_numbers_that_are_too_large(loop, file):
    for method in ADD:
        with pytest.raises(OverflowError, match="^Python int too large to convert to C int$"):
            called(loop, method, file)
    for method in REMOVE:
        assert called(loop, method, file) is False


@pytest.mark.parametrize("method", ADD + REMOVE)
def test_infinity(loop, method):
    with pytest.raises(OverflowError, match="^cannot convert float infinity to integer$"):
        called(loop, method, Says(float("inf")))


@pytest.mark.parametrize("method", ADD)
def test_numbers_that_are_no_open_descriptor(loop, method):
    for file in (9_999, Says(9_999)):
        with pytest.raises(OSError) as caught:
            called(loop, method, file)
        assert caught.value.errno == 9


@pytest.mark.parametrize("method", ADD)
def test_a_bool_is_a_number(loop, method):
    """Since 3.13 with a warning."""
    saved = os.dup(1)
    try:
        with open(os.devnull) as file:
            os.dup2(file.fileno(), 1)
        with pytest.raises(PermissionError):
            if sys.version_info >= (3, 13):
                with pytest.warns(RuntimeWarning, match="^bool is used as a file descriptor$"):
                    called(loop, method, True)
            else:
                called(loop, method, True)
    finally:
        os.dup2(saved, 1)
        os.close(saved)


class Sub(int):
    pass


@pytest.mark.parametrize("kind", [int, Sub, str, float, lambda fd: str(fd).encode()], ids=["int", "Sub", "str", "float", "bytes"])
def test_what_fileno_says_is_made_an_int(loop, ends, kind):
    left, right = ends
    right.send(b"x")
    seen = []
    loop.add_reader(Says(kind(left.fileno())), lambda: (seen.append(left.recv(1)), loop.stop()))
    loop.run_forever()
    assert seen == [b"x"]
    assert loop.remove_reader(Says(kind(left.fileno()))) is True


def test_a_number_of_a_class_of_its_own(loop, ends):
    loop.add_reader(Sub(ends[0].fileno()), print)
    assert loop.remove_reader(ends[0].fileno()) is True


@pytest.mark.parametrize("method", ADD)
def test_nothing_is_returned(loop, ends, method):
    assert called(loop, method, ends[0]) is None
    assert called(loop, method, ends[0]) is None


@pytest.mark.parametrize("direction", ["reader", "writer"])
def test_the_private_form_hands_out_the_handle(loop, ends, direction):
    """Libraries with transports of their own cancel it."""
    handle = getattr(loop, f"_add_{direction}")(ends[0], print, "argument")
    assert isinstance(handle, asyncio.Handle)
    assert not handle.cancelled()
    assert getattr(loop, f"_remove_{direction}")(ends[0]) is True
    assert handle.cancelled()


def test_a_watched_file_that_is_closed(loop):
    """A closed socket is known by itself; of another file that is closed nobody asks any more."""
    reading, writing = os.pipe()
    file = open(reading, "rb", buffering=0)
    loop.add_reader(file, print)
    file.close()
    with pytest.raises(ValueError, match="^Invalid file object: "):
        loop.remove_reader(file)
    os.close(writing)
    assert loop.remove_reader(reading) is True


def test_the_descriptor_of_a_transport_is_named_as_it_was_given(run, ends):
    async def main():
        loop = asyncio.get_running_loop()
        left, _ = ends
        transport, _ = await loop.create_unix_connection(asyncio.Protocol, sock=left)
        for file in (left, left.fileno()):
            for method in ADD + REMOVE:
                text = f"File descriptor {file!r} is used by transport {transport!r}"
                with pytest.raises(RuntimeError, match=f"^{re.escape(text)}$"):
                    called(loop, method, file)
        transport.abort()
        await asyncio.sleep(0.001)

    run(main())


@pytest.fixture
def debugged(loop):
    loop.set_debug(True)
    loop.slow_callback_duration = 60
    return loop


def broken(loop):
    loop.stop()
    raise LookupError("broken")


def came_from_here(traceback):
    return any(frame.filename == __file__ and frame.name.startswith("test_") for frame in traceback)


@pytest.mark.parametrize("method", ADD)
def test_debug_mode_knows_where_a_watcher_was_added(debugged, ends, reported, method):
    debugged.set_exception_handler(reported)
    left, right = ends
    right.send(b"x")
    getattr(debugged, method)(left, broken, debugged)
    debugged.run_forever()
    (context,) = reported
    assert str(context["exception"]) == "broken"
    assert came_from_here(context["source_traceback"])
    assert context["handle"]._source_traceback is context["source_traceback"]


def test_debug_mode_knows_where_a_signal_handler_was_added(debugged, reported):
    import signal

    debugged.set_exception_handler(reported)
    debugged.add_signal_handler(signal.SIGUSR1, broken, debugged)
    debugged.call_soon(os.kill, os.getpid(), signal.SIGUSR1)
    debugged.run_forever()
    (context,) = reported
    assert came_from_here(context["source_traceback"])


def test_debug_mode_logs_where_a_watcher_was_added(debugged, ends, log):
    left, right = ends
    right.send(b"x")
    debugged.add_reader(left, broken, debugged)
    debugged.run_forever()
    (text,) = (record.getMessage() for record in log.records if record.levelname == "ERROR")
    assert text.startswith("Exception in callback broken(<")
    assert "\nsource_traceback: Object created at (most recent call last):\n" in text
    assert "debugged.add_reader(left, broken, debugged)" in text


def test_elsewhere_nobody_asks(loop, ends, reported):
    loop.set_debug(False)
    loop.set_exception_handler(reported)
    left, right = ends
    right.send(b"x")
    loop.add_reader(left, broken, loop)
    loop.run_forever()
    (context,) = reported
    assert "source_traceback" not in context
