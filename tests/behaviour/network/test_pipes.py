"""Reading from pipes: bytes, pauses, the end, files that are no pipes."""

import asyncio
import os
import tempfile

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
