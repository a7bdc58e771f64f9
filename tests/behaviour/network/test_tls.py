"""TLS over streams: every byte, both handshake failures, the upgrade of a plain connection."""

import asyncio
import ssl

import pytest


async def echo(reader, writer):
    while data := await reader.read(100_000):
        writer.write(data)
        await writer.drain()
    writer.close()


async def echoed(reader, writer, size):
    sent = bytes(range(256)) * (size // 256)
    writer.write(sent)
    assert await reader.readexactly(len(sent)) == sent


async def end(writer):
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("size", [256, 3_000_000 // 256 * 256])
def test_every_byte_comes_back(run, server_context, client_context, size):
    async def main():
        server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=server_context)
        async with server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("localhost", port, ssl=client_context)
            await echoed(reader, writer, size)
            assert writer.get_extra_info("cipher")
            assert writer.get_extra_info("peercert")["subject"] == ((("commonName", "localhost"),),)
            assert writer.get_extra_info("socket").getpeername() == ("127.0.0.1", port)
            await end(writer)

    run(main())


def test_over_a_unix_socket(run, tmp_path, server_context, client_context):
    async def main():
        path = str(tmp_path / "tls.sock")
        async with await asyncio.start_unix_server(echo, path, ssl=server_context):
            reader, writer = await asyncio.open_unix_connection(
                path, ssl=client_context, server_hostname="localhost"
            )
            await echoed(reader, writer, 100_096)
            await end(writer)

    run(main())


@pytest.mark.debug_off
def test_a_client_that_does_not_trust_the_server(run, server_context):
    async def main():
        loop = asyncio.get_running_loop()
        reported = []
        loop.set_exception_handler(lambda loop, context: reported.append(context))
        async with await asyncio.start_server(echo, "127.0.0.1", 0, ssl=server_context) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(ssl.SSLCertVerificationError):
                await asyncio.open_connection("localhost", port, ssl=ssl.create_default_context())
        assert reported == []

    run(main())


def test_a_server_that_does_not_speak_tls(run, client_context):
    async def main():
        async def hang_up(reader, writer):
            await reader.read(100)
            writer.write(b"HTTP/1.0 400 Bad Request\r\n\r\n")
            writer.close()

        async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(ssl.SSLError):
                await asyncio.open_connection("localhost", port, ssl=client_context)

    run(main())


def test_a_handshake_that_never_comes_times_out(run, client_context, listener):
    async def main():
        with pytest.raises(ConnectionAbortedError, match="SSL handshake is taking longer"):
            await asyncio.open_connection(
                *listener.getsockname(),
                ssl=client_context,
                server_hostname="localhost",
                ssl_handshake_timeout=0.05,
            )

    run(main())


@pytest.mark.debug_off
@pytest.mark.parametrize("turns", [0, 20])
def test_the_end_of_a_run_ends_a_handshake(flavour, script, turns):
    """The client sees that the connection ends, and nobody says that a transport was not closed."""
    if flavour.name == "asyncio" and not turns:
        pytest.skip("stock leaves a connection whose handshake has not begun")
    done = script(
        f"""
        import gc, socket, ssl
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        async def main():
            loop = asyncio.get_running_loop()
            accepted = asyncio.Event()
            def factory():
                accepted.set()
                return asyncio.Protocol()
            server = await loop.create_server(factory, "127.0.0.1", 0, ssl=context)
            client = socket.create_connection(server.sockets[0].getsockname())
            await accepted.wait()
            for _ in range({turns}):
                await asyncio.sleep(0)
            server.close()
            return client
        with run(main()) as client:
            client.settimeout(2)
            print(client.recv(10))
        gc.collect()
        """,
        flags=("-W", "always"),
    )
    assert (done.stdout, done.stderr) == ("b''\n", "")


@pytest.mark.debug_off
def test_a_server_survives_clients_that_send_junk(run, server_context, client_context):
    async def main():
        async with await asyncio.start_server(echo, "127.0.0.1", 0, ssl=server_context) as server:
            port = server.sockets[0].getsockname()[1]
            for junk in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff", b"\0" * 1000):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(junk)
                writer.write_eof()
                await reader.read()
                await end(writer)
            reader, writer = await asyncio.open_connection("localhost", port, ssl=client_context)
            await echoed(reader, writer, 1024)
            await end(writer)

    run(main())


def test_start_tls_upgrades_a_connection(run, server_context, client_context):
    async def main():
        async def upgrade(reader, writer):
            assert await reader.readline() == b"STARTTLS\n"
            writer.write(b"GO\n")
            await writer.drain()
            await writer.start_tls(server_context)
            await echo(reader, writer)

        async with await asyncio.start_server(upgrade, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"STARTTLS\n")
            assert await reader.readline() == b"GO\n"
            await writer.start_tls(client_context, server_hostname="localhost")
            await echoed(reader, writer, 100_096)
            assert writer.get_extra_info("cipher")
            await end(writer)

    run(main())


def test_an_iterable_that_raises_in_writelines(run, server_context, client_context):
    """The error is the caller's, and what came before it leaves with what is written next."""

    def pieces():
        yield b"one "
        yield b"two "
        raise LookupError("three")

    async def main():
        async with await asyncio.start_server(echo, "127.0.0.1", 0, ssl=server_context) as server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("localhost", port, ssl=client_context)
            for _ in range(2):
                with pytest.raises(LookupError, match="three"):
                    writer.transport.writelines(pieces())
            writer.write(b"and on")
            assert await reader.readexactly(22) == b"one two one two and on"
            await end(writer)

    run(main())


def test_arguments_that_make_no_sense(run, client_context):
    async def main():
        loop = asyncio.get_running_loop()
        make = asyncio.Protocol
        with pytest.raises(ValueError, match="server_hostname is only meaningful with ssl"):
            await loop.create_connection(make, "127.0.0.1", 1, server_hostname="localhost")
        with pytest.raises(ValueError, match="ssl_handshake_timeout is only meaningful with ssl"):
            await loop.create_connection(make, "127.0.0.1", 1, ssl_handshake_timeout=1)
        with pytest.raises(ValueError, match="You must set server_hostname"):
            await loop.create_connection(make, port=1, ssl=client_context)
        with pytest.raises(TypeError, match="ssl argument must be an SSLContext or None"):
            await loop.create_server(make, "127.0.0.1", 0, ssl=True)
        with pytest.raises(TypeError, match="sslcontext is expected to be"):
            await loop.start_tls(None, make(), None)
        with pytest.raises(TypeError, match="is not supported by start_tls"):
            await loop.start_tls(object(), make(), client_context)

    run(main())
