"""asyncio.streams, unchanged, on the transports of the loop under test."""

import asyncio
import functools
import random

import pytest
import stream_pairs


async def echo(reader, writer):
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()
    await writer.wait_closed()


@pytest.fixture(params=["tcp", "unix"])
def connected(request, tmp_path):
    """``async with connected(handler) as (reader, writer)``."""
    return functools.partial(stream_pairs.connected, asyncio, request.param, tmp_path / "socket")


def test_a_megabyte_both_ways(run, connected):
    data = random.Random(1).randbytes(1_000_000)

    async def main():
        async with connected(echo) as (reader, writer):

            async def send():
                for start in range(0, len(data), 10_000):
                    writer.write(data[start : start + 10_000])
                    await writer.drain()
                writer.write_eof()

            sending = asyncio.create_task(send())
            assert await reader.read() == data
            assert reader.at_eof()
            await sending

    run(main())


def test_lines(run, connected):
    async def main():
        async with connected(echo) as (reader, writer):
            writer.write(b"one\ntwo\nno newline at the end")
            writer.write_eof()
            assert await reader.readline() == b"one\n"
            assert await reader.readuntil(b"o\n") == b"two\n"
            assert [line async for line in reader] == [b"no newline at the end"]
            assert await reader.readline() == b""

    run(main())


def test_exactly(run, connected):
    async def main():
        async with connected(echo) as (reader, writer):
            writer.write(b"12345678")
            assert await reader.readexactly(3) == b"123"
            assert await reader.readexactly(0) == b""
            writer.write_eof()
            with pytest.raises(asyncio.IncompleteReadError) as caught:
                await reader.readexactly(100)
            assert caught.value.partial == b"45678"

    run(main())


def test_a_line_over_the_limit(run, connected):
    async def main():
        async with connected(echo, limit=100) as (reader, writer):
            writer.write(b"x" * 5000 + b"\n")
            with pytest.raises(ValueError):
                await reader.readline()

    run(main())


def test_drain_waits_for_a_slow_reader(run, connected):
    gate = []

    async def slow(reader, writer):
        await gate[0].wait()
        total = 0
        while data := await reader.read(1_000_000):
            total += len(data)
        gate.append(total)

    async def main():
        gate.append(asyncio.Event())
        async with connected(slow) as (_, writer):

            async def send():
                for _ in range(200):
                    writer.write(b"x" * 100_000)
                    await writer.drain()
                writer.write_eof()

            sending = asyncio.create_task(send())
            await asyncio.wait([sending], timeout=0.02)
            assert not sending.done()
            gate[0].set()
            await sending
        assert gate[1] == 20_000_000

    run(main())


def test_many_clients(run):
    async def main():
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()

        async def client(number):
            reader, writer = await asyncio.open_connection(*address)
            for turn in range(10):
                message = b"%d:%d\n" % (number, turn)
                writer.write(message)
                assert await reader.readline() == message
            writer.close()
            await writer.wait_closed()

        await asyncio.gather(*(client(number) for number in range(50)))
        server.close()
        await server.wait_closed()
        pending = asyncio.all_tasks() - {asyncio.current_task()}
        if pending:
            await asyncio.wait(pending)

    run(main())


def test_cancelling_a_read_loses_no_bytes(run, connected):
    async def main():
        async with connected(echo) as (reader, writer):
            task = asyncio.create_task(reader.readexactly(10))
            writer.write(b"12345")
            await asyncio.sleep(0.005)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
            writer.write(b"67890")
            assert await reader.readexactly(10) == b"1234567890"

    run(main())


def test_a_handler_that_raises_is_reported(run, reported):
    async def broken(reader, writer):
        raise LookupError("handler")

    async def main():
        asyncio.get_running_loop().set_exception_handler(reported)
        server = await asyncio.start_server(broken, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.close()
        while not reported:
            await asyncio.sleep(0.001)
        server.close()

    run(main())
    assert reported[0]["message"] == "Unhandled exception in client_connected_cb"
    assert str(reported[0]["exception"]) == "handler"


def test_a_reset_reaches_the_reader(run):
    import socket
    import struct

    async def main():
        arrived = asyncio.get_running_loop().create_future()

        async def handler(reader, writer):
            try:
                arrived.set_result(await reader.read())
            except ConnectionError as error:
                arrived.set_exception(error)
            writer.close()

        server = await asyncio.start_server(handler, "127.0.0.1", 0)
        client = socket.create_connection(server.sockets[0].getsockname())
        await asyncio.sleep(0.005)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        with pytest.raises(ConnectionResetError):
            await arrived
        server.close()

    run(main())
