"""Reading from pipes: bytes, pauses, the end, files that are no pipes."""

import asyncio
import os
import socket
import tempfile
import tty

import pytest


@pytest.fixture
def pipe():
    read, write = os.pipe()
    reading, writing = os.fdopen(read, "rb", 0), os.fdopen(write, "wb", 0)
    yield reading, writing
    reading.close()
    writing.close()


def test_bytes_then_the_end(run, recorder, pipe):
    async def main():
        reading, writing = pipe
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.connect_read_pipe(recorder, reading)
        assert isinstance(transport, asyncio.ReadTransport)
        assert transport.get_extra_info("pipe") is reading
        assert transport.get_protocol() is protocol
        assert transport.is_reading()
        writing.write(b"hello")
        await protocol.received(5)
        writing.close()
        await protocol.has("lost")
        assert protocol.events == [("made",), ("data", 5), ("eof",), ("lost", None)]
        assert reading.closed
        assert transport.is_closing()

    run(main())


def test_more_than_a_pipe_holds(run, pipe):
    async def main():
        reading, writing = pipe
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), reading)
        sent = os.urandom(1_000_000)

        def write():
            with writing:
                view = memoryview(sent)
                while view:
                    view = view[writing.write(view) :]

        thread = loop.run_in_executor(None, write)
        assert await reader.read() == sent
        await thread

    run(main())


def test_a_pause_holds_bytes_back(run, recorder, pipe):
    async def main():
        reading, writing = pipe
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.connect_read_pipe(recorder, reading)
        transport.pause_reading()
        transport.pause_reading()
        assert not transport.is_reading()
        writing.write(b"later")
        await asyncio.sleep(0.01)
        assert protocol.data == b""
        transport.resume_reading()
        transport.resume_reading()
        assert await protocol.received(5) == b"later"
        transport.close()
        transport.close()
        await protocol.has("lost")
        assert protocol.names == ["made", "data", "lost"]

    run(main())


def test_a_protocol_that_raises_is_reported_and_goes_on(run, recorder, pipe, reported):
    async def main():
        class Raising(recorder):
            def data_received(self, data):
                super().data_received(data)
                raise ZeroDivisionError

        reading, writing = pipe
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(reported)
        _, protocol = await loop.connect_read_pipe(Raising, reading)
        writing.write(b"x")
        await protocol.received(1)
        writing.write(b"y")
        await protocol.received(2)
        writing.close()
        await protocol.has("lost")
        assert protocol.events[-1] == ("lost", None)

    run(main())
    assert [type(context["exception"]) for context in reported] == [ZeroDivisionError] * 2


@pytest.fixture
def terminal():
    """A pseudo-terminal's two ends: a file object, and a descriptor that does not block."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    os.set_blocking(theirs, False)
    with os.fdopen(ours, "r+b", buffering=0) as file:
        yield file, theirs
    os.close(theirs)


async def take(fd, count):
    while count > 0:
        try:
            count -= len(os.read(fd, min(count, 65536)))
        except BlockingIOError:
            await asyncio.sleep(0.001)


def test_a_terminal_is_read_and_written_by_two_transports(run, recorder, terminal):
    file, theirs = terminal

    async def main():
        loop = asyncio.get_running_loop()
        reading, reader = await loop.connect_read_pipe(recorder, file)
        writing, writer = await loop.connect_write_pipe(recorder, file)
        writing.write(b"x" * 300_000)
        await asyncio.sleep(0.001)
        assert writing.get_write_buffer_size() > 0
        os.write(theirs, b"while it is blocked")
        await reader.received(19)
        reading.pause_reading()
        await take(theirs, 150_000)
        reading.resume_reading()
        await take(theirs, 150_000)
        writing.write(b"y" * 300_000)
        await asyncio.sleep(0.001)
        reading.pause_reading()
        os.write(theirs, b"then")
        reading.resume_reading()
        await reader.received(23)
        await take(theirs, 300_000)
        writing.close()
        await writer.has("lost")

    run(main())


def test_a_reader_and_a_writer_beside_the_transport_of_a_terminal(run, recorder, terminal):
    file, theirs = terminal

    async def main():
        loop = asyncio.get_running_loop()
        fd = file.fileno()
        reading, reader = await loop.connect_read_pipe(recorder, file)
        writable = asyncio.Event()
        loop.add_writer(fd, writable.set)
        await writable.wait()
        os.write(theirs, b"hello")
        await reader.received(5)
        assert loop.remove_writer(fd)
        assert not loop.remove_writer(fd)
        os.write(theirs, b" again")
        await reader.received(11)
        # One that takes its place, then is gone.
        seen = asyncio.Event()
        loop.add_reader(fd, lambda: seen.set() or os.read(fd, 10))
        os.write(theirs, b"!")
        await seen.wait()
        assert loop.remove_reader(fd)
        assert bytes(reader.data) == b"hello again"
        reading.pause_reading()
        reading.resume_reading()
        os.write(theirs, b"?")
        await reader.received(12)
        reading.close()
        await reader.has("lost")

    run(main())


def messages(kind):
    """Two ends of something where every write is a message."""
    if kind == "packets":
        return [os.fdopen(fd, mode, 0) for fd, mode in zip(os.pipe2(os.O_DIRECT), ("rb", "wb"), strict=True)]
    return socket.socketpair(socket.AF_UNIX, getattr(socket, kind))


@pytest.mark.parametrize("kind", ["SOCK_SEQPACKET", "SOCK_DGRAM", "packets"])
def test_messages_stay_apart(run, recorder, kind):
    async def main():
        loop = asyncio.get_running_loop()
        one, other = messages(kind)
        os.set_blocking(one.fileno(), False)
        writing, writer = await loop.connect_write_pipe(recorder, other)
        for data in (b"one", b"two", b"three"):
            writing.write(data)
        await asyncio.sleep(0)
        assert [os.read(one.fileno(), 100) for _ in range(3)] == [b"one", b"two", b"three"]
        writing.close()
        await writer.has("lost")
        one.close()

    run(main())


def test_a_large_message_is_read_whole(run, recorder):
    async def main():
        one, other = messages("SOCK_SEQPACKET")
        other.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 400_000)
        reading, reader = await asyncio.get_running_loop().connect_read_pipe(recorder, one)
        other.send(b"x" * 200_000)
        assert len(await reader.received(200_000)) == 200_000
        reading.close()
        await reader.has("lost")
        other.close()

    run(main())


def test_a_file_is_no_pipe(run):
    async def main():
        loop = asyncio.get_running_loop()
        with tempfile.TemporaryFile() as file:
            with pytest.raises(ValueError, match="Pipe transport is for pipes/sockets only."):
                await loop.connect_read_pipe(asyncio.Protocol, file)

    run(main())


class Writer(asyncio.BaseProtocol):
    def __init__(self):
        self.events = []
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.events.append("made")

    def pause_writing(self):
        self.events.append("pause")

    def resume_writing(self):
        self.events.append("resume")

    def connection_lost(self, exc):
        self.lost.set_result(exc)


def test_everything_written_arrives_before_the_end(run, pipe):
    async def main():
        reading, writing = pipe
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.connect_write_pipe(Writer, writing)
        assert isinstance(transport, asyncio.WriteTransport)
        assert transport.get_extra_info("pipe") is writing
        assert transport.can_write_eof()
        sent = os.urandom(500_000)
        received = loop.run_in_executor(None, reading.readall)
        transport.write(sent[:10])
        transport.writelines([sent[10:20], bytearray(sent[20:30])])
        transport.write(memoryview(sent)[30:])
        transport.close()
        transport.write(b"dropped")
        assert await received == sent
        assert await protocol.lost is None
        assert protocol.events == ["made", "pause"] or protocol.events == ["made", "pause", "resume"]
        assert writing.closed

    run(main())


def test_a_full_pipe_pauses_the_writer(run, pipe):
    async def main():
        reading, writing = pipe
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.connect_write_pipe(Writer, writing)
        transport.set_write_buffer_limits(high=1000)
        assert transport.get_write_buffer_limits() == (250, 1000)
        transport.write(b"x" * 1_000_000)
        assert protocol.events == ["made", "pause"]
        assert transport.get_write_buffer_size() > 500_000
        await loop.run_in_executor(None, reading.read, 1_000_000)
        while "resume" not in protocol.events:
            await loop.run_in_executor(None, reading.read, 1_000_000)
        transport.abort()
        assert await protocol.lost is None

    run(main())


@pytest.mark.parametrize("waiting, error", [(0, type(None)), (1_000_000, BrokenPipeError)])
def test_a_reader_that_goes_away_ends_the_writer(run, pipe, waiting, error):
    async def main():
        reading, writing = pipe
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.connect_write_pipe(Writer, writing)
        transport.write(b"x" * waiting)
        await asyncio.sleep(0)
        reading.close()
        assert isinstance(await protocol.lost, error)
        assert transport.is_closing()
        for _ in range(10):
            transport.write(b"dropped")

    run(main())


def test_nothing_can_be_written_to_a_file(run):
    async def main():
        loop = asyncio.get_running_loop()
        with tempfile.TemporaryFile() as file:
            with pytest.raises(ValueError, match="Pipe transport is only for pipes, sockets"):
                await loop.connect_write_pipe(asyncio.BaseProtocol, file)

    run(main())


@pytest.mark.parametrize("end", ["Read", "Write"])
def test_what_a_closed_one_shows(run, recorder, pipe, end):
    async def main():
        loop = asyncio.get_running_loop()
        connect, file = {"Read": (loop.connect_read_pipe, pipe[0]), "Write": (loop.connect_write_pipe, pipe[1])}[end]
        transport, protocol = await connect(recorder, file)
        fd, name = file.fileno(), f"_Unix{end}PipeTransport"
        assert f"<{name} fd={fd} " in repr(transport)
        transport.close()
        assert f"<{name} closing fd={fd} " in repr(transport)
        await protocol.has("lost")
        assert repr(transport) == f"<{name} closed fd={fd} closed>"

    run(main())
