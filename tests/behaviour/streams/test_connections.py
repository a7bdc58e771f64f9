"""Streams over real connections: `open_connection`, `start_server`, the unix forms, pipes of
children."""

import asyncio
import contextlib
import functools
import itertools
import random
import re

import pytest
import stream_pairs


@pytest.fixture(params=["tcp", "unix"])
def connected(request, lib, tmp_path):
    """``async with connected(handler) as (reader, writer)``: when it ends the handler has ended."""
    return functools.partial(stream_pairs.connected, lib, request.param, tmp_path / "socket")


async def echo(reader, writer):
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()


def test_classes(run, lib, connected):
    async def handler(reader, writer):
        assert type(reader) is lib.StreamReader and type(writer) is lib.StreamWriter
        writer.write(await reader.readline())

    async def main():
        async with connected(handler) as (reader, writer):
            assert type(reader) is lib.StreamReader and type(writer) is lib.StreamWriter
            writer.write(b"line\n")
            assert await reader.read() == b"line\n"

    run(main())


@pytest.mark.parametrize("method", ["read", "readexactly", "readuntil", "mixed"])
def test_megabytes_both_ways(run, connected, method):
    numbers = random.Random(2)
    data = numbers.randbytes(3_000_000).replace(b"\n", b"_")
    data = b"\n".join(data[start : start + 5000] for start in range(0, len(data), 5000)) + b"\n"

    async def read(reader):
        received = bytearray()
        while len(received) < len(data):
            left = len(data) - len(received)
            how = method
            if method == "mixed":
                how = numbers.choice(["read", "readexactly", "readuntil"])
            if how == "read":
                received += await reader.read(numbers.choice([100, 5_000, 70_000, 200_000]))
            elif how == "readexactly":
                size = numbers.choice([7, 300, 5_000, 70_000, 200_000])
                received += await reader.readexactly(min(left, size))
            else:
                received += await reader.readuntil(b"\n")
        return received

    async def main():
        async with connected(echo) as (reader, writer):

            async def send():
                for start in range(0, len(data), 100_000):
                    writer.write(data[start : start + 100_000])
                    await writer.drain()
                writer.write_eof()

            sending = asyncio.create_task(send())
            assert await read(reader) == data
            assert await reader.read() == b"" and reader.at_eof()
            await sending

    run(main())


def test_a_slow_reader_is_bounded(run, connected):
    """The transport is paused at twice the limit; what one receive brings comes on top."""
    data = bytes(8_000_000)

    async def handler(reader, writer):
        writer.write(data)
        await writer.drain()

    def waiting(reader):
        found = re.search(r"(\d+) bytes", repr(reader))
        return int(found[1]) if found else 0

    async def main():
        async with connected(handler, limit=50_000) as (reader, writer):
            received = most = 0
            while received < len(data):
                for _ in range(20):
                    await asyncio.sleep(0)
                most = max(most, waiting(reader))
                received += len(await reader.read(60_000))
            assert most <= 2 * 50_000 + 256 * 1024
            assert await reader.read() == b""

    run(main())


def test_paused_in_the_middle_and_never_read_again(run, connected):
    """Closing does not wait for a reader that is full."""

    async def handler(reader, writer):
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(bytes(100_000))
                await writer.drain()

    async def main():
        async with connected(handler, limit=1000) as (reader, writer):
            assert await reader.readexactly(5) == bytes(5)
            for _ in range(50):
                await asyncio.sleep(0)

    run(main())


def test_half_closed(run, connected):
    async def handler(reader, writer):
        assert await reader.read() == b"question"
        assert reader.at_eof()
        writer.write(b"answer")
        await writer.drain()

    async def main():
        async with connected(handler) as (reader, writer):
            writer.write(b"question")
            assert writer.can_write_eof()
            writer.write_eof()
            assert await reader.read() == b"answer"

    run(main())


def test_cancelled_again_and_again(run, connected):
    """No byte is lost by whom a timeout or a cancellation has stopped while nothing was there."""
    lines = [b"line %d\n" % number for number in range(200)]

    async def handler(reader, writer):
        for line in lines:
            writer.write(line[:4])
            await asyncio.sleep(0)
            writer.write(line[4:])
            await asyncio.sleep(0)

    async def main():
        got = []
        async with connected(handler) as (reader, writer):
            for patience in itertools.cycle(range(5)):
                task = asyncio.create_task(reader.readline())
                for _ in range(patience):
                    await asyncio.sleep(0)
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    got.append(await task)
                if len(got) >= len(lines):
                    break
            assert await reader.read() == b""
        assert got == lines

    run(main())


def test_the_peer_resets(run, lib):
    import socket
    import struct

    async def main():
        with socket.create_server(("127.0.0.1", 0)) as listening:
            reader, writer = await lib.open_connection(*listening.getsockname())
            peer, _ = listening.accept()
            reading = asyncio.create_task(reader.readexactly(10))
            await asyncio.sleep(0)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()
            with pytest.raises(ConnectionResetError):
                await reading
            with pytest.raises(ConnectionResetError):
                await reader.read(1)
            with pytest.raises(ConnectionResetError):
                await writer.drain()
            with pytest.raises(ConnectionResetError):
                await writer.wait_closed()

    run(main())


def test_a_plain_callback(run, lib):
    async def main():
        met = asyncio.get_running_loop().create_future()
        server = await lib.start_server(lambda *pair: met.set_result(pair), "127.0.0.1", 0)
        reader, writer = await lib.open_connection(*server.sockets[0].getsockname())
        their_reader, their_writer = await met
        writer.write(b"data")
        assert await their_reader.read(10) == b"data"
        for each in (writer, their_writer):
            each.close()
            await each.wait_closed()
        server.close()
        await server.wait_closed()

    run(main())


def test_a_callback_that_raises(run, lib, reported):
    async def failing(reader, writer):
        raise ValueError("in the callback")

    async def main():
        asyncio.get_running_loop().set_exception_handler(reported)
        server = await lib.start_server(failing, "127.0.0.1", 0)
        reader, writer = await lib.open_connection(*server.sockets[0].getsockname())
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()

    run(main())
    assert reported.messages == ["Unhandled exception in client_connected_cb"]


def test_tls(run, lib, server_context, client_context):
    data = random.Random(3).randbytes(1_000_000)

    async def main():
        finished = asyncio.Event()

        async def handler(reader, writer):
            await echo(reader, writer)
            writer.close()
            finished.set()

        server = await lib.start_server(handler, "127.0.0.1", 0, ssl=server_context)
        reader, writer = await lib.open_connection(
            *server.sockets[0].getsockname(), ssl=client_context, server_hostname="localhost"
        )
        writer.write(data)
        assert await reader.readexactly(len(data)) == data
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        await finished.wait()
        server.close()
        await server.wait_closed()

    run(main())


def test_tls_in_the_middle(run, lib, server_context, client_context):
    """The same reader and writer go on, encrypted."""

    async def main():
        finished = asyncio.Event()

        async def handler(reader, writer):
            assert await reader.readline() == b"starttls\n"
            writer.write(b"ready\n")
            await writer.start_tls(server_context)
            while line := await reader.readline():
                writer.write(line.upper())
                await writer.drain()
            writer.close()
            finished.set()

        server = await lib.start_server(handler, "127.0.0.1", 0)
        reader, writer = await lib.open_connection(*server.sockets[0].getsockname())
        writer.write(b"starttls\n")
        assert await reader.readline() == b"ready\n"
        await writer.start_tls(client_context, server_hostname="localhost")
        assert writer.get_extra_info("sslcontext") is client_context
        for number in range(20):
            writer.write(b"line %d\n" % number)
            assert await reader.readline() == b"LINE %d\n" % number
        writer.close()
        await writer.wait_closed()
        await finished.wait()
        server.close()
        await server.wait_closed()

    run(main())


@pytest.mark.parametrize("looked_at", [False, True])
def test_a_handshake_that_came_early(flavour, lib, run, looked_at, server_context, client_context):
    """The client begins before the server has got to `start_tls`: its reader has those bytes."""
    if flavour.name != "ferrio":
        pytest.skip("stock mends it in later releases of 3.13 and 3.14: gh-142352")

    async def main():
        finished = asyncio.Event()

        async def handler(reader, writer):
            while " bytes" not in repr(reader):
                await asyncio.sleep(0)
            if looked_at:
                assert len(reader._buffer) > 100
            await writer.start_tls(server_context)
            writer.write(await reader.readline())
            await writer.drain()
            writer.close()
            finished.set()

        server = await lib.start_server(handler, "127.0.0.1", 0)
        reader, writer = await lib.open_connection(*server.sockets[0].getsockname())
        await writer.start_tls(client_context, server_hostname="localhost")
        writer.write(b"line\n")
        assert await reader.readline() == b"line\n"
        writer.close()
        await writer.wait_closed()
        await finished.wait()
        server.close()
        await server.wait_closed()

    run(main())


def test_the_pipes_of_a_child(flavour, script):
    """With ferrio installed `asyncio.subprocess` makes readers and writers of ours, too."""
    if flavour.name == "ferrio-on-stock-loop":
        pytest.skip("the same as ferrio, which `install` puts in place whatever the loop")
    done = script(
        """
        import asyncio, sys
        if sys.argv[1] == "ferrio":
            import ferrio
            ferrio.install()
            assert asyncio.StreamReader is ferrio.StreamReader

        async def main():
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-c", "import sys; sys.stdout.write(sys.stdin.read().upper())",
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
            assert type(child.stdout) is asyncio.StreamReader, type(child.stdout)
            assert type(child.stdin) is asyncio.StreamWriter
            out, err = await child.communicate(b"data " * 100_000)
            assert out == b"DATA " * 100_000 and err is None
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-c", "print('a'); print('b')", stdout=asyncio.subprocess.PIPE)
            assert [line async for line in child.stdout] == [b"a\\n", b"b\\n"]
            assert await child.wait() == 0

        run(main())
        """,
        flavour.name,
    )
    assert done.stderr == ""


def test_installed_and_taken_back(script, flavour):
    if flavour.name != "ferrio":
        pytest.skip("only ferrio is installed")
    script(
        """
        import asyncio, asyncio.streams, ferrio
        before = asyncio.StreamReader, asyncio.streams.StreamWriter, asyncio.open_connection
        early = asyncio.StreamReader
        ferrio.install()
        assert asyncio.StreamReader is asyncio.streams.StreamReader is ferrio.StreamReader
        assert asyncio.start_server is ferrio.start_server

        async def main():
            # A class that was imported earlier goes on working, with the new ones and alone.
            loop = asyncio.get_running_loop()
            reader = early(loop=loop)
            assert isinstance(reader, asyncio.StreamReader)
            protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
            protocol.data_received(b"data")
            assert await reader.read(9) == b"data"

            class Transport(asyncio.Transport):
                def is_closing(self):
                    return True

            before[1](Transport(), protocol, reader, loop)

        run(main())
        ferrio.uninstall()
        after = asyncio.StreamReader, asyncio.streams.StreamWriter, asyncio.open_connection
        assert before == after
        """
    )
