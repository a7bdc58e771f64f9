"""What libraries use although it has an underscore: aioredis 1.3.1 and aiomysql derive from
StreamReader and work on its buffer."""

import asyncio

import pytest


def test_the_buffer_is_a_bytearray_that_may_be_changed(loop, reader):
    reader.feed_data(b"some data\n")
    buffer = reader._buffer
    assert type(buffer) is bytearray and buffer == b"some data\n"
    del buffer[:5]
    assert loop.run_until_complete(reader.readline()) == b"data\n"
    reader.feed_data(b"more")
    assert reader._buffer is buffer and buffer == b"more"
    buffer.extend(b" of it")
    assert loop.run_until_complete(reader.read(100)) == b"more of it"
    reader.feed_eof()
    assert reader.at_eof()


def test_the_buffer_can_be_replaced(loop, reader):
    reader.feed_data(b"old")
    reader._buffer = bytearray(b"new data")
    assert loop.run_until_complete(reader.readexactly(3)) == b"new"


@pytest.mark.parametrize(
    "name, arguments, before, after, expected",
    [
        ("read", (5,), b"", b"data\nmore", b"data\n"),
        ("readexactly", (6,), b"da", b"ta\nmore", b"data\nm"),
        ("readuntil", (b"\n",), b"da", b"ta\nmore", b"data\n"),
        ("readline", (), b"da", b"ta\nmore", b"data\n"),
        ("__anext__", (), b"da", b"ta\nmore", b"data\n"),
    ],
)
@pytest.mark.parametrize("when", ["before", "while"])
def test_somebody_looks_at_it_meanwhile(
    loop, reader, turn, name, arguments, before, after, expected, when
):
    reading = getattr(reader, name)(*arguments)
    reader.feed_data(before)
    if when == "before":
        assert reader._buffer == before
    task = loop.create_task(reading)
    turn()
    assert reader._buffer == before
    reader.feed_data(after)
    assert loop.run_until_complete(task) == expected
    assert reader._waiter is None


@pytest.mark.parametrize("rest", [b"", b"5678"])
@pytest.mark.parametrize("name, arguments", [("read", ()), ("readline", ()), ("readexactly", (8,))])
def test_the_rest_comes_by_way_of_the_bytearray(loop, reader, turn, name, arguments, rest):
    task = loop.create_task(getattr(reader, name)(*arguments))
    turn()
    reader.feed_data(b"1234")
    turn()
    reader._buffer.extend(rest)
    reader.feed_eof()
    if name == "readexactly" and not rest:
        with pytest.raises(asyncio.IncompleteReadError) as failed:
            loop.run_until_complete(task)
        assert failed.value.partial == b"1234"
    else:
        assert loop.run_until_complete(task) == b"1234" + rest
    assert reader.at_eof()


READS = {"read": (9,), "readexactly": (2,), "readuntil": (b"\n",), "readline": (), "__anext__": ()}


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_what_came_before_an_exception_is_read(loop, reader, turn, name, kind):
    task = loop.create_task(getattr(reader, name)(*READS[name]))
    turn()
    reader.feed_data(kind(b"a\n"))
    reader.set_exception(ZeroDivisionError())
    assert loop.run_until_complete(task) == b"a\n"
    assert type(reader.exception()) is ZeroDivisionError
    with pytest.raises(ZeroDivisionError):
        loop.run_until_complete(getattr(reader, name)(*READS[name]))


@pytest.mark.parametrize("name", [name for name in READS if name != "read"])
def test_what_came_before_an_exception_is_waited_behind(loop, reader, turn, name):
    task = loop.create_task(getattr(reader, name)(*READS[name]))
    turn()
    reader.feed_data(bytearray(b"a"))
    reader.set_exception(ZeroDivisionError())
    turn()
    reader.feed_data(b"\n")
    assert loop.run_until_complete(task) == b"a\n"
    assert reader._waiter is None and type(reader.exception()) is ZeroDivisionError


def test_a_wait_behind_an_exception_can_be_cancelled(loop, reader, turn):
    task = loop.create_task(reader.readline())
    turn()
    reader.feed_data(bytearray(b"a"))
    reader.set_exception(ZeroDivisionError())
    turn()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)
    assert reader._waiter is None and reader._buffer == b"a"


def test_all_that_came_before_an_exception(loop, reader, turn):
    task = loop.create_task(reader.read())
    turn()
    reader.feed_data(b"12")
    turn()
    reader.feed_data(bytearray(b"34"))
    reader.set_exception(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        loop.run_until_complete(task)


@pytest.mark.parametrize("how", ["woken", "taken"])
def test_one_that_is_woken_and_finds_nothing(loop, reader, turn, how):
    task = loop.create_task(reader.read(9))
    turn()
    if how == "taken":
        reader.feed_data(bytearray(b"x"))
    reader._buffer.clear()
    reader._wakeup_waiter()
    assert loop.run_until_complete(task) == b""


def test_attributes(loop, reader, transport):
    assert reader._loop is loop and reader._limit == 10
    assert (reader._eof, reader._paused) == (False, False)
    assert (reader._waiter, reader._exception, reader._transport) == (None, None, None)
    reader._eof = True
    assert reader.at_eof()
    reader._eof = False
    reader._limit = 3
    reader._transport = transport
    reader.feed_data(b"x" * 7)
    assert transport.calls == ["pause"]
    with pytest.raises(asyncio.LimitOverrunError):
        loop.run_until_complete(reader.readuntil())
    reader._exception = OSError("set")
    with pytest.raises(OSError, match="set"):
        loop.run_until_complete(reader.read(1))


def test_attributes_of_ones_own(loop, reader):
    reader.feed_data(b"ab")
    reader.mine = 1
    assert reader.mine == 1
    reader.feed_data(b"cd")
    assert loop.run_until_complete(reader.read(9)) == b"abcd"


def test_a_method_of_ones_own(loop, reader):
    """An instance's attribute stands before the class's method, also for those who call it inside."""

    async def readuntil(separator):
        return b"mine"

    reader.readuntil = readuntil
    assert loop.run_until_complete(reader.readline()) == b"mine"


@pytest.fixture
def counting(lib):
    class Counting(lib.StreamReader):
        """Like aioredis's: parses its buffer itself."""

        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.waits = 0
            self.fed = 0

        def feed_data(self, data):
            self.fed += len(data)
            super().feed_data(data)

        async def _wait_for_data(self, name):
            self.waits += 1
            await super()._wait_for_data(name)

        async def message(self):
            while b";" not in self._buffer:
                if self._eof:
                    raise EOFError
                await self._wait_for_data("message")
            end = self._buffer.index(b";")
            data = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            self._maybe_resume_transport()
            return data

    return Counting


def test_a_subclass_works_on_its_buffer(loop, counting, turn, transport):
    reader = counting(limit=3, loop=loop)
    reader.set_transport(transport)
    task = loop.create_task(reader.message())
    turn()
    reader.feed_data(b"one")
    turn()
    reader.feed_data(b";two;three")
    assert loop.run_until_complete(task) == b"one"
    assert transport.calls == ["pause"] and reader.waits == 2 and reader.fed == 13
    assert loop.run_until_complete(reader.message()) == b"two"
    assert loop.run_until_complete(reader.read(3)) == b"thr"
    assert transport.calls == ["pause", "resume"]
    reader.feed_eof()
    assert loop.run_until_complete(reader.readline()) == b"ee"
    with pytest.raises(EOFError):
        loop.run_until_complete(reader.message())


def test_a_subclass_that_waits_its_own_way(loop, counting, turn):
    reader = counting(limit=100, loop=loop)
    task = loop.create_task(reader.readexactly(4))
    for piece in (b"1", b"23", b"4"):
        turn()
        reader.feed_data(piece)
    assert loop.run_until_complete(task) == b"1234"
    assert reader.waits == 3


def test_the_waiter_is_woken_by_hand(loop, reader, turn):
    task = loop.create_task(reader.read(10))
    turn()
    assert reader._waiter is not None
    reader._buffer.extend(b"by hand")
    reader._wakeup_waiter()
    assert reader._waiter is None
    assert loop.run_until_complete(task) == b"by hand"


def test_a_subclass_of_the_protocol(lib, loop, reader, transport):
    class Protocol(lib.StreamReaderProtocol):
        seen = b""

        def data_received(self, data):
            self.seen += data
            super().data_received(data.upper())

    protocol = Protocol(reader, loop=loop)
    protocol.connection_made(transport)
    assert protocol._stream_reader is reader and reader._transport is transport
    protocol.data_received(b"data")
    assert loop.run_until_complete(reader.read(9)) == b"DATA"
    assert protocol.seen == b"data"
    protocol.connection_lost(None)
    assert reader.at_eof() and protocol._stream_reader is None


def test_the_protocol_holds_its_reader_weakly(lib, loop):
    reader = lib.StreamReader(loop=loop)
    protocol = lib.StreamReaderProtocol(reader, loop=loop)
    assert protocol._stream_reader is reader
    del reader
    assert protocol._stream_reader is None
    protocol.data_received(b"for nobody")
    assert protocol.eof_received() is True


def test_a_failed_constructor(lib, loop):
    """Its finalizer finds nothing to look at."""

    class Protocol(lib.StreamReaderProtocol):
        def __init__(self):
            pass

    assert not hasattr(Protocol(), "_closed")
