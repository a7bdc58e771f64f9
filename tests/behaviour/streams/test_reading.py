"""`read`, `readline`, `readexactly`, `readuntil`, `async for`: what they give, when they wait, what
they raise."""

import asyncio
import random
import sys

import pytest

TUPLES = pytest.mark.skipif(sys.version_info < (3, 13), reason="tuples of separators since 3.13")


def test_what_is_there_is_given_at_once(loop, reader):
    """In the first step of the coroutine, without the loop."""
    reader.feed_data(b"one\ntwo\nthree rest")
    for coroutine, expected in [
        (reader.readline(), b"one\n"),
        (reader.readuntil(b"o\n"), b"two\n"),
        (reader.readexactly(5), b"three"),
        (reader.read(2), b" r"),
        (reader.read(100), b"est"),
        (reader.read(0), b""),
        (reader.readexactly(0), b""),
    ]:
        with pytest.raises(StopIteration) as stopped:
            coroutine.send(None)
        assert stopped.value.value == expected and type(stopped.value.value) is bytes
    assert not reader.at_eof()


def test_a_coroutine_is_lazy_and_for_one_use(loop, reader):
    reading = reader.read(3)
    reader.feed_data(b"later")
    assert loop.run_until_complete(reading) == b"lat"
    with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
        reading.send(None)


def test_one_that_is_never_awaited_warns(reader):
    with pytest.warns(RuntimeWarning, match="'StreamReader.readline' was never awaited"):
        reader.readline()


@pytest.mark.parametrize(
    "method, arguments, pieces, expected",
    [
        ("read", (5,), [b"abc"], b"abc"),
        ("readexactly", (7,), [b"abc", b"d", b"efgh"], b"abcdefg"),
        ("readline", (), [b"a", b"b", b"\nc"], b"ab\n"),
        ("readuntil", (b"--",), [b"a-", b"b-", b"-"], b"a-b--"),
        ("readuntil", (b"-xy-",), [b"-x", b"-x", b"y-"], b"-x-xy-"),
        ("__anext__", (), [b"a", b"\n"], b"a\n"),
    ],
)
def test_waits_for_what_is_missing(loop, reader, turn, method, arguments, pieces, expected):
    task = loop.create_task(getattr(reader, method)(*arguments))
    for piece in pieces:
        turn()
        assert not task.done()
        reader.feed_data(piece)
    assert loop.run_until_complete(task) == expected
    assert reader._waiter is None


def test_read_to_the_end(loop, reader, turn):
    task = loop.create_task(reader.read())
    for piece in [b"a" * 7, b"b" * 30, b"c"]:
        turn()
        reader.feed_data(piece)
    turn()
    assert not task.done()
    reader.feed_data(b"d")
    reader.feed_eof()
    assert loop.run_until_complete(task) == b"a" * 7 + b"b" * 30 + b"cd"
    assert reader.at_eof()
    assert loop.run_until_complete(reader.read()) == b""
    assert loop.run_until_complete(reader.read(3)) == b""
    assert loop.run_until_complete(reader.readline()) == b""


def test_lines_until_the_end(loop, reader):
    async def lines():
        return [line async for line in reader]

    reader.feed_data(b"one\n\ntwo\nno end")
    reader.feed_eof()
    assert loop.run_until_complete(lines()) == [b"one\n", b"\n", b"two\n", b"no end"]


def test_the_stream_ends_too_early(loop, reader):
    reader.feed_data(b"abc")
    reader.feed_eof()
    with pytest.raises(asyncio.IncompleteReadError) as failed:
        loop.run_until_complete(reader.readexactly(4))
    assert (failed.value.partial, failed.value.expected) == (b"abc", 4)
    assert str(failed.value) == "3 bytes read on a total of 4 expected bytes"
    assert reader.at_eof()


def test_the_stream_ends_before_the_separator(loop, reader):
    reader.feed_data(b"abc-")
    reader.feed_eof()
    with pytest.raises(asyncio.IncompleteReadError) as failed:
        loop.run_until_complete(reader.readuntil(b"--"))
    assert (failed.value.partial, failed.value.expected) == (b"abc-", None)
    assert reader.at_eof()


def test_a_separator_in_the_last_bytes_counts(loop, reader):
    reader.feed_data(b"abc\n")
    reader.feed_eof()
    assert loop.run_until_complete(reader.readuntil()) == b"abc\n"


def test_too_long_and_no_separator(loop, reader):
    reader.feed_data(b"0123456789ab")
    with pytest.raises(asyncio.LimitOverrunError) as failed:
        loop.run_until_complete(reader.readuntil(b"--"))
    assert str(failed.value) == "Separator is not found, and chunk exceed the limit"
    assert failed.value.consumed == 11
    assert loop.run_until_complete(reader.read(100)) == b"0123456789ab"


def test_too_long_with_a_separator(loop, reader):
    reader.feed_data(b"0123456789a--b")
    with pytest.raises(asyncio.LimitOverrunError) as failed:
        loop.run_until_complete(reader.readuntil(b"--"))
    assert str(failed.value) == "Separator is found, but chunk is longer than limit"
    assert failed.value.consumed == 11
    assert loop.run_until_complete(reader.readexactly(14)) == b"0123456789a--b"


def test_exactly_the_limit_is_allowed(loop, reader):
    reader.feed_data(b"0123456789\n")
    assert loop.run_until_complete(reader.readline()) == b"0123456789\n"


@pytest.mark.parametrize(
    "data, text, left",
    [
        (b"0123456789a\nnext\n", "Separator is found, but chunk is longer than limit", b"next\n"),
        (b"0123456789ab", "Separator is not found, and chunk exceed the limit", b""),
    ],
)
def test_a_line_that_is_too_long_is_dropped(loop, reader, data, text, left):
    reader.feed_data(data)
    with pytest.raises(ValueError) as failed:
        loop.run_until_complete(reader.readline())
    assert str(failed.value) == text
    assert type(failed.value.__context__) is asyncio.LimitOverrunError
    reader.feed_eof()
    assert loop.run_until_complete(reader.read()) == left


@TUPLES
@pytest.mark.parametrize(
    "separators, data, expected",
    [
        ((b"\r\n", b"\n"), b"a\r\nb", b"a\r\n"),
        ((b"\n", b"\r"), b"a\r\nb", b"a\r"),
        ((b"--", b"-"), b"a--", b"a-"),
        ((b"xyz", b"y"), b"axyz", b"axy"),
        ((b"abc", b"c"), b"0abc", b"0abc"),
    ],
)
def test_the_shortest_of_several(loop, reader, separators, data, expected):
    reader.feed_data(data)
    assert loop.run_until_complete(reader.readuntil(separators)) == expected


@TUPLES
def test_several_in_pieces(loop, reader, turn):
    task = loop.create_task(reader.readuntil((b"end", b"stop")))
    for piece in [b"e", b"nst", b"op"]:
        turn()
        assert not task.done()
        reader.feed_data(piece)
    assert loop.run_until_complete(task) == b"enstop"


@TUPLES
def test_no_separator_at_all(loop, reader):
    with pytest.raises(ValueError, match="Separator should contain at least one element"):
        loop.run_until_complete(reader.readuntil(()))


def test_an_empty_separator(loop, reader):
    with pytest.raises(ValueError, match="Separator should be at least one-byte string"):
        loop.run_until_complete(reader.readuntil(b""))


@pytest.mark.parametrize("separator", [bytearray(b"\n"), memoryview(b"\n")])
def test_other_kinds_of_separators(loop, reader, separator):
    reader.feed_data(b"a\nb")
    assert loop.run_until_complete(reader.readuntil(separator)) == b"a\n"
    assert loop.run_until_complete(reader.read(9)) == b"b"


def test_a_negative_size(loop, reader):
    with pytest.raises(ValueError, match="readexactly size can not be less than zero"):
        loop.run_until_complete(reader.readexactly(-1))


@pytest.mark.parametrize("method, arguments", [("read", (1, 2)), ("readexactly", ()), ("read", ("x",))])
def test_wrong_arguments(loop, reader, method, arguments):
    with pytest.raises(TypeError):
        loop.run_until_complete(getattr(reader, method)(*arguments))


def test_arguments_by_name(loop, reader):
    reader.feed_data(b"abcdefg")
    assert loop.run_until_complete(reader.read(n=2)) == b"ab"
    assert loop.run_until_complete(reader.readexactly(n=2)) == b"cd"
    assert loop.run_until_complete(reader.readuntil(separator=b"f")) == b"ef"


@pytest.mark.parametrize("name", ["read", "readline", "readuntil"])
def test_only_one_may_wait(loop, reader, turn, name):
    first = loop.create_task(reader.readline())
    turn()
    text = "called while another coroutine is already waiting for incoming data"
    with pytest.raises(RuntimeError, match=text) as failed:
        loop.run_until_complete(getattr(reader, name)())
    assert str(failed.value).startswith("read()" if name == "read" else "readuntil()")
    reader.feed_data(b"line\n")
    assert loop.run_until_complete(first) == b"line\n"


@pytest.mark.parametrize("name", ["read", "readline", "readuntil", "__anext__"])
def test_an_exception_is_raised_by_every_call(loop, reader, turn, name):
    task = loop.create_task(getattr(reader, name)())
    turn()
    error = ConnectionResetError("gone")
    reader.set_exception(error)
    with pytest.raises(ConnectionResetError, match="gone"):
        loop.run_until_complete(task)
    assert reader.exception() is error
    reader.feed_data(b"line\n")
    for _ in range(2):
        with pytest.raises(ConnectionResetError) as failed:
            loop.run_until_complete(getattr(reader, name)())
        assert failed.value is error


def test_an_incomplete_read_as_exception_ends_a_line(loop, reader):
    reader.set_exception(asyncio.IncompleteReadError(b"part", None))
    assert loop.run_until_complete(reader.readline()) == b"part"


@pytest.mark.parametrize(
    "name, arguments",
    [("read", (5,)), ("read", ()), ("readline", ()), ("readexactly", (9,)), ("readuntil", (b"x",))],
)
def test_cancelled_while_it_waits(loop, reader, turn, name, arguments):
    task = loop.create_task(getattr(reader, name)(*arguments))
    turn()
    task.cancel("enough")
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)
    assert reader._waiter is None
    reader.feed_data(b"more")
    assert loop.run_until_complete(reader.read(100)) == b"more"


def test_cancelled_when_the_data_has_come(loop, reader, turn):
    """The bytes stay for the next one."""
    task = loop.create_task(reader.read(5))
    turn()
    reader.feed_data(b"data")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)
    assert loop.run_until_complete(reader.read(100)) == b"data"


def test_the_waiter_is_cancelled_by_somebody_else(loop, reader, turn):
    task = loop.create_task(reader.read(5))
    turn()
    reader._waiter.cancel()
    reader.feed_data(b"data")
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)
    assert loop.run_until_complete(reader.read(5)) == b"data"


def test_closed_while_it_waits(loop, reader):
    reading = reader.read(5)
    reading.send(None)
    assert reader._waiter is not None
    reading.close()
    assert reader._waiter is None


def test_wait_for(loop, lib, reader):
    async def main():
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(reader.readline(), 0.01)
        reader.feed_data(b"line\n")
        assert await asyncio.wait_for(reader.readline(), 60) == b"line\n"

    loop.run_until_complete(main())


def test_fed_from_within(loop, reader, turn):
    """A callback of the waiter feeds more, before the coroutine runs."""
    task = loop.create_task(reader.read(100))
    turn()
    reader._waiter.add_done_callback(lambda _: reader.feed_data(b" and more"))
    reader.feed_data(b"data")
    first = loop.run_until_complete(task)
    rest = loop.run_until_complete(reader.read(100)) if first == b"data" else b""
    assert first + rest == b"data and more"


def test_nothing_may_come_after_the_end(loop, reader):
    reader.feed_eof()
    with pytest.raises(AssertionError, match="feed_data after feed_eof"):
        reader.feed_data(b"more")


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_kinds_of_data(loop, reader, kind):
    reader.feed_data(kind(b""))
    data = kind(b"some data")
    reader.feed_data(data)
    if kind is bytearray:
        data[:] = b"_" * 9
    assert loop.run_until_complete(reader.read(100)) == b"some data"


def test_pauses_at_twice_the_limit_and_resumes_at_the_limit(loop, reader, transport):
    reader.set_transport(transport)
    reader.feed_data(b"x" * 20)
    assert transport.calls == []
    reader.feed_data(b"x")
    reader.feed_data(b"x")
    assert transport.calls == ["pause"] and reader._paused
    loop.run_until_complete(reader.read(11))
    assert transport.calls == ["pause"]
    loop.run_until_complete(reader.read(1))
    assert transport.calls == ["pause", "resume"] and not reader._paused


def test_who_waits_while_paused_resumes(loop, reader, transport, turn):
    reader.set_transport(transport)
    reader.feed_data(b"x" * 21)
    task = loop.create_task(reader.readexactly(30))
    turn()
    assert transport.calls == ["pause", "resume"]
    reader.feed_data(b"x" * 9)
    assert loop.run_until_complete(task) == b"x" * 30


def test_a_transport_that_cannot_pause_is_forgotten(loop, reader, transport):
    def pause_reading():
        transport.calls.append("refused")
        raise NotImplementedError

    transport.pause_reading = pause_reading
    reader.set_transport(transport)
    reader.feed_data(b"x" * 21)
    reader.feed_data(b"x" * 21)
    assert transport.calls == ["refused"]
    assert reader._transport is None and not reader._paused
    assert loop.run_until_complete(reader.read(100)) == b"x" * 42


def test_the_transport_is_set_once(reader, transport):
    reader.set_transport(transport)
    with pytest.raises(AssertionError, match="Transport already set"):
        reader.set_transport(transport)


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_is_positive(lib, loop, limit):
    with pytest.raises(ValueError, match="Limit cannot be <= 0"):
        lib.StreamReader(limit=limit, loop=loop)


def test_a_limit_that_is_no_int(lib, loop):
    reader = lib.StreamReader(limit=2.5, loop=loop)
    reader.feed_data(b"ab\ncdef")
    assert loop.run_until_complete(reader.readline()) == b"ab\n"
    with pytest.raises(ValueError):
        loop.run_until_complete(reader.readline())


def test_the_running_loop_is_the_default(lib, loop):
    async def main():
        return lib.StreamReader()

    reader = loop.run_until_complete(main())
    assert reader._loop is loop and reader._limit == 2**16


@pytest.mark.debug_off
def test_repr(lib, loop, reader, transport):
    assert repr(lib.StreamReader(loop=loop)) == "<StreamReader>"
    assert repr(reader) == "<StreamReader limit=10>"
    reader.feed_data(b"x" * 21)
    reader.feed_eof()
    reader.set_exception(ValueError("x"))
    text = "<StreamReader 21 bytes eof limit=10 exception=ValueError('x')>"
    assert repr(reader) == text
    reader._transport, reader._paused = "T", True
    assert repr(reader) == text[:-1] + " transport='T' paused>"


@pytest.mark.parametrize("seed", range(12))
def test_against_a_queue_of_bytes(lib, loop, seed):
    """Whatever is fed in whatever pieces and read in whatever way, it is a queue of bytes."""
    numbers = random.Random(seed)
    reader = lib.StreamReader(limit=64_000, loop=loop)
    model = bytearray()

    async def main():
        for _ in range(400):
            action = numbers.randrange(6)
            if action < 2:
                size = numbers.choice([1, 10, 3000, 20_000])
                data = bytes(numbers.choices(b"abc\n", k=numbers.randrange(1, size + 1)))
                reader.feed_data(data)
                model.extend(data)
            elif action == 2 and model:
                n = numbers.randrange(len(model)) + 1
                assert await reader.readexactly(n) == model[:n]
                del model[:n]
            elif action == 3 and model:
                n = numbers.randrange(2 * len(model)) + 1
                assert await reader.read(n) == model[:n]
                del model[:n]
            elif action == 4 and b"\n" in model:
                end = model.index(b"\n") + 1
                assert await reader.readline() == model[:end]
                del model[:end]
            elif action == 5 and b"ab" in model:
                end = model.index(b"ab") + 2
                assert await reader.readuntil(b"ab") == model[:end]
                del model[:end]
        reader.feed_eof()
        assert await reader.read() == model

    loop.run_until_complete(main())
