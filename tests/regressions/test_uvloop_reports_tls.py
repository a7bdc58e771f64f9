"""What uvloop's users reported about TLS; see `test_uvloop_reports.py`."""

import asyncio
import gc
import os
import ssl
import sys

import pytest


def test_start_tls_keeps_what_was_read_707(run, flavour, server_context, client_context):
    """#707: what a StreamReader had read already was lost at `start_tls`, which then waited for
    ever. A proxy sends its header and the client's hello in one packet."""
    if flavour.name == "asyncio":
        pytest.skip("stock mends it in later releases of 3.13 and 3.14: gh-142352")

    async def main():
        served = asyncio.get_running_loop().create_future()

        async def serve(reader, writer):
            assert await reader.readline() == b"PROXY\r\n"
            # The client's hello is here before start_tls.
            while not reader._buffer:
                await asyncio.sleep(0.001)
            await writer.start_tls(server_context)
            writer.write((await reader.readline()).upper())
            await writer.drain()
            writer.close()
            served.set_result(asyncio.current_task())

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        # Both leave in one packet.
        hello, incoming = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = client_context.wrap_bio(incoming, hello, server_hostname="localhost")

        async def attempt(call, *args):
            while True:
                try:
                    return call(*args)
                except ssl.SSLWantReadError:
                    writer.write(hello.read())
                    data = await reader.read(10_000)
                    incoming.write(data) if data else incoming.write_eof()

        writer.write(b"PROXY\r\n")
        await attempt(tls.do_handshake)
        tls.write(b"hello\n")
        writer.write(hello.read())
        assert await attempt(tls.read, 100) == b"HELLO\n"
        writer.close()
        await writer.wait_closed()
        await (await served)
        server.close()
        await server.wait_closed()

    run(main())


def test_close_does_not_wait_for_a_download_471(run, server_context, client_context, log):
    """#471: a client that closed in the middle of a big answer went on receiving it, for 30
    seconds, the time limit of the TLS shutdown."""

    async def main():
        sent = 0
        over = asyncio.get_running_loop().create_future()

        async def serve(reader, writer):
            nonlocal sent
            piece = os.urandom(100_000)
            try:
                while True:
                    writer.write(piece)
                    await writer.drain()
                    sent += len(piece)
            except OSError:
                writer.transport.abort()
            finally:
                over.set_result(asyncio.current_task())

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_context)
        # Longer than the watchdog has patience: a close that waits for the limit fails the test.
        reader, writer = await asyncio.open_connection(
            *server.sockets[0].getsockname(),
            ssl=client_context,
            server_hostname="localhost",
            ssl_shutdown_timeout=1000,
        )
        await reader.readexactly(3_000_000)
        writer.close()
        try:
            await writer.wait_closed()
        except OSError:
            pass
        await (await over)
        # It has stopped, and not only because nobody reads.
        assert sent < 100_000_000
        server.close()
        await server.wait_closed()

    run(main())


@pytest.mark.debug_off
def test_nothing_grows_with_connections_565(run, server_context, client_context):
    """#565: each TLS connection cost memory for good: some hundred megabytes after 15,000. Clients
    that shake hands and go, and clients that go in the middle."""

    async def main():
        loop = asyncio.get_running_loop()

        class Serve(asyncio.Protocol):
            def connection_made(self, transport):
                transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                transport.close()

        server = await loop.create_server(Serve, "127.0.0.1", 0, ssl=server_context)
        address = server.sockets[0].getsockname()

        async def whole():
            reader, writer = await asyncio.open_connection(
                *address, ssl=client_context, server_hostname="localhost"
            )
            assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
            writer.close()
            try:
                await writer.wait_closed()
            except OSError:
                pass

        async def gone():
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"\x16\x03\x01")
            writer.close()
            await writer.wait_closed()

        async def some(count):
            for _ in range(count):
                await whole()
                await gone()
            await asyncio.sleep(0.01)
            gc.collect()
            kinds = (asyncio.sslproto.SSLProtocol, ssl.SSLObject, asyncio.Transport)
            return sum(isinstance(thing, kinds) for thing in gc.get_objects())

        before = await some(30)
        assert await some(150) <= before + 2
        server.close()
        await server.wait_closed()

    run(main())


@pytest.mark.skipif(sys.version_info < (3, 11), reason="StreamWriter.start_tls is new in 3.11")
def test_both_sides_of_a_stream_707(run, server_context, client_context):
    """#707, the other half: upgrading streams on both sides works at all."""

    async def main():
        done = asyncio.get_running_loop().create_future()

        async def serve(reader, writer):
            assert await reader.readline() == b"STARTTLS\n"
            writer.write(b"go\n")
            await writer.drain()
            await writer.start_tls(server_context)
            writer.write((await reader.readline()).upper())
            await writer.drain()
            writer.close()
            done.set_result(asyncio.current_task())

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"STARTTLS\n")
        assert await reader.readline() == b"go\n"
        await writer.start_tls(client_context, server_hostname="localhost")
        writer.write(b"hello\n")
        assert await reader.readline() == b"HELLO\n"
        writer.close()
        try:
            await writer.wait_closed()
        except OSError:
            pass
        await (await done)
        server.close()
        await server.wait_closed()

    run(main())
