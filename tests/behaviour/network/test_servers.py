"""create_server and Server: sockets, start_serving, serve_forever, close, wait_closed, as the
running version has them."""

import asyncio
import gc
import socket
import sys
import warnings

import pytest


class Hello(asyncio.Protocol):
    def connection_made(self, transport):
        transport.write(b"hello")
        transport.close()


def ask(address, family=socket.AF_INET):
    """A blocking client."""
    with socket.socket(family) as sock:
        sock.connect(address)
        data = b""
        while chunk := sock.recv(100):
            data += chunk
        return data


def test_it_serves(run):
    async def main():
        server = await asyncio.get_running_loop().create_server(Hello, "127.0.0.1", 0)
        assert isinstance(server, asyncio.AbstractServer)
        assert server.is_serving()
        address = server.sockets[0].getsockname()
        for _ in range(20):
            assert await asyncio.to_thread(ask, address) == b"hello"
        server.close()
        assert not server.is_serving()
        await server.wait_closed()
        with pytest.raises(ConnectionRefusedError):
            ask(address)

    run(main())


def test_sockets(run):
    async def main():
        server = await asyncio.get_running_loop().create_server(Hello, "127.0.0.1", 0)
        assert isinstance(server.sockets, tuple)
        (sock,) = server.sockets
        assert isinstance(sock, asyncio.trsock.TransportSocket)
        assert sock.family == socket.AF_INET
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 1
        server.close()
        assert server.sockets == ()
        await server.wait_closed()

    run(main())


def test_get_loop_and_repr(run):
    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Hello, "127.0.0.1", 0)
        assert server.get_loop() is loop
        assert repr(server).startswith("<Server sockets=(")
        server.close()
        await server.wait_closed()

    run(main())


def test_close_twice_and_wait_twice(run):
    async def main():
        server = await asyncio.get_running_loop().create_server(Hello, "127.0.0.1", 0)
        server.close()
        server.close()
        await server.wait_closed()
        await server.wait_closed()

    run(main())


def test_start_serving_false_waits_for_start(run):
    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Hello, "127.0.0.1", 0, start_serving=False)
        assert not server.is_serving()
        address = server.sockets[0].getsockname()
        with pytest.raises(ConnectionRefusedError):
            ask(address)
        await server.start_serving()
        await server.start_serving()
        assert server.is_serving()
        assert await asyncio.to_thread(ask, address) == b"hello"
        server.close()
        await server.wait_closed()

    run(main())


def test_serve_forever(run):
    async def main():
        server = await asyncio.get_running_loop().create_server(
            Hello, "127.0.0.1", 0, start_serving=False
        )
        address = server.sockets[0].getsockname()
        task = asyncio.create_task(server.serve_forever())
        await asyncio.sleep(0.001)
        assert await asyncio.to_thread(ask, address) == b"hello"
        with pytest.raises(
            RuntimeError,
            match=r"^server <Server .*> is already being awaited on serve_forever\(\)$",
        ):
            await server.serve_forever()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not server.is_serving()
        assert server.sockets == ()
        with pytest.raises(RuntimeError, match="^server <Server .*> is closed$"):
            await server.serve_forever()

    run(main())


def test_close_ends_serve_forever(run):
    async def main():
        server = await asyncio.get_running_loop().create_server(Hello, "127.0.0.1", 0)
        task = asyncio.create_task(server.serve_forever())
        await asyncio.sleep(0)
        server.close()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())


def test_async_with_closes(run):
    async def main():
        async with await asyncio.get_running_loop().create_server(Hello, "127.0.0.1", 0) as server:
            assert server.is_serving()
        assert not server.is_serving()

    run(main())


@pytest.mark.skipif(sys.version_info < (3, 12), reason="before 3.12 wait_closed returned at once")
def test_wait_closed_waits_for_the_last_connection(run, recorder):
    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(recorder, "127.0.0.1", 0)
        transport, protocol = await loop.create_connection(
            recorder, *server.sockets[0].getsockname()
        )
        await asyncio.sleep(0.005)
        server.close()
        waiter = asyncio.create_task(server.wait_closed())
        done, pending = await asyncio.wait([waiter], timeout=0.01)
        assert pending == {waiter}
        transport.close()
        await waiter
        await protocol.has("lost")

    run(main())


@pytest.mark.skipif(
    sys.version_info < (3, 13), reason="close_clients and abort_clients are new in 3.13"
)
@pytest.mark.parametrize("method", ["close_clients", "abort_clients"])
def test_close_clients(run, recorder, method):
    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(recorder, "127.0.0.1", 0)
        clients = [
            await loop.create_connection(recorder, *server.sockets[0].getsockname())
            for _ in range(5)
        ]
        await asyncio.sleep(0.005)
        server.close()
        getattr(server, method)()
        for _, protocol in clients:
            await protocol.has("lost")
        await server.wait_closed()

    run(main())


@pytest.mark.skipif(sys.version_info < (3, 13), reason="abort_clients is new in 3.13")
def test_only_living_connections_are_a_servers_clients(run, recorder):
    class Paused(asyncio.Protocol):
        made = 0

        def connection_made(self, transport):
            # Nobody holds a paused connection that its protocol has no reference to.
            transport.pause_reading()
            Paused.made += 1

    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Paused, "127.0.0.1", 0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            clients = [
                await loop.create_connection(recorder, *server.sockets[0].getsockname())
                for _ in range(3)
            ]
            while Paused.made < 3:
                await asyncio.sleep(0)
            gc.collect()
            for _, protocol in clients:
                await protocol.has("lost")
        server.close()
        server.abort_clients()
        await server.wait_closed()

    run(main())


def test_connections_survive_the_closing_of_the_server(run, tcp_pair):
    async def main():
        async with tcp_pair() as (left, right):
            # The fixture has closed the server already.
            left.transport.write(b"after")
            assert await right.received(5) == b"after"

    run(main())


def test_several_hosts(run):
    async def main():
        server = await asyncio.get_running_loop().create_server(
            Hello, ["127.0.0.1", "127.0.0.2"], 0
        )
        addresses = [sock.getsockname() for sock in server.sockets]
        assert sorted(host for host, _ in addresses) == ["127.0.0.1", "127.0.0.2"]
        for address in addresses:
            assert await asyncio.to_thread(ask, address) == b"hello"
        server.close()
        await server.wait_closed()

    run(main())


@pytest.mark.parametrize("host", [None, ""])
def test_all_interfaces(run, host):
    async def main():
        server = await asyncio.get_running_loop().create_server(Hello, host, 0)
        families = {sock.family for sock in server.sockets}
        assert socket.AF_INET in families
        server.close()
        await server.wait_closed()

    run(main())


def test_ipv6_only_takes_ipv6(run):
    async def main():
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(Hello, "::1", 0)
        except OSError as error:
            pytest.skip(f"no IPv6 here: {error}")
        address = server.sockets[0].getsockname()
        assert await asyncio.to_thread(ask, address, socket.AF_INET6) == b"hello"
        server.close()
        await server.wait_closed()

    run(main())


def test_by_socket(run):
    async def main():
        loop = asyncio.get_running_loop()
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        server = await loop.create_server(Hello, sock=sock)
        assert await asyncio.to_thread(ask, sock.getsockname()) == b"hello"
        server.close()
        await server.wait_closed()
        assert sock.fileno() == -1

    run(main())


def test_port_in_use(run, listener):
    async def main():
        with pytest.raises(OSError, match="error while attempting to bind on address") as caught:
            await asyncio.get_running_loop().create_server(Hello, *listener.getsockname())
        import errno

        assert caught.value.errno == errno.EADDRINUSE

    run(main())


def test_addresses_that_the_machine_does_not_have(run):
    async def main():
        loop = asyncio.get_running_loop()
        told = []
        # One of a block that is for documentation: nobody has it.
        for hosts in (["127.0.0.1", "192.0.2.1"], "192.0.2.1"):
            try:
                server = await loop.create_server(Hello, hosts, 0)
            except OSError as error:
                told.append((error.errno, str(error)))
            else:
                told.append([sock.getsockname()[0] for sock in server.sockets])
                server.close()
                await server.wait_closed()
        return told

    address = ("192.0.2.1", 0)
    refused = f"[Errno 99] error while attempting to bind on address {address}: cannot assign requested address"
    # By release: those of CPython before 3.12.5 want them all.
    assert run(main()) in (
        [(99, refused), (99, refused)],
        [["127.0.0.1"], (None, f"could not bind on any address out of [{address}]")],
    )


def test_reuse_port(run):
    async def main():
        loop = asyncio.get_running_loop()
        first = await loop.create_server(Hello, "127.0.0.1", 0, reuse_port=True)
        address = first.sockets[0].getsockname()
        second = await loop.create_server(Hello, *address, reuse_port=True)
        for _ in range(10):
            assert await asyncio.to_thread(ask, address) == b"hello"
        for server in (first, second):
            server.close()
            await server.wait_closed()

    run(main())


def test_reuse_address_off(run):
    async def main():
        server = await asyncio.get_running_loop().create_server(
            Hello, "127.0.0.1", 0, reuse_address=False
        )
        assert server.sockets[0].getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 0
        server.close()
        await server.wait_closed()

    run(main())


def test_arguments_that_exclude_each_other(run, listener):
    async def main():
        loop = asyncio.get_running_loop()
        with pytest.raises(
            ValueError, match="^host/port and sock can not be specified at the same time$"
        ):
            await loop.create_server(Hello, "127.0.0.1", 0, sock=listener)
        with pytest.raises(ValueError, match="^Neither host/port nor sock were specified$"):
            await loop.create_server(Hello)
        with pytest.raises(TypeError, match="^ssl argument must be an SSLContext or None$"):
            await loop.create_server(Hello, "127.0.0.1", 0, ssl=True)
        with pytest.raises(ValueError, match="^ssl_handshake_timeout is only meaningful with ssl$"):
            await loop.create_server(Hello, "127.0.0.1", 0, ssl_handshake_timeout=1)
        with pytest.raises(ValueError, match="^ssl_shutdown_timeout is only meaningful with ssl$"):
            await loop.create_server(Hello, "127.0.0.1", 0, ssl_shutdown_timeout=1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            with pytest.raises(ValueError, match="^A Stream Socket was expected, got "):
                await loop.create_server(Hello, sock=sock)

    run(main())


def test_unix_server(run, tmp_path):
    path = str(tmp_path / "socket")

    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_unix_server(Hello, path)
        assert await asyncio.to_thread(ask, path, socket.AF_UNIX) == b"hello"
        with pytest.raises(OSError, match="Address .* is already in use"):
            await loop.create_unix_server(Hello, str(tmp_path))
        server.close()
        await server.wait_closed()

    run(main())


def test_unix_server_replaces_a_stale_socket_file(run, tmp_path):
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(path)

    async def main():
        server = await asyncio.get_running_loop().create_unix_server(Hello, path)
        assert await asyncio.to_thread(ask, path, socket.AF_UNIX) == b"hello"
        server.close()
        await server.wait_closed()

    run(main())


@pytest.mark.skipif(sys.version_info < (3, 13), reason="cleanup_socket is new in 3.13")
@pytest.mark.parametrize("cleanup", [True, False])
def test_unix_server_removes_its_file(run, tmp_path, cleanup):
    path = tmp_path / "socket"

    async def main():
        server = await asyncio.get_running_loop().create_unix_server(
            Hello, path, cleanup_socket=cleanup
        )
        server.close()
        await server.wait_closed()
        assert path.exists() is not cleanup

    run(main())


def test_unix_server_errors(run, tmp_path):
    async def main():
        loop = asyncio.get_running_loop()
        with pytest.raises(ValueError, match="^path was not specified, and no sock specified$"):
            await loop.create_unix_server(Hello)
        with socket.socket() as sock:
            with pytest.raises(ValueError, match="^A UNIX Domain Stream Socket was expected, got "):
                await loop.create_unix_server(Hello, sock=sock)
            with pytest.raises(
                ValueError, match="^path and sock can not be specified at the same time$"
            ):
                await loop.create_unix_server(Hello, "x", sock=sock)
        with pytest.raises(TypeError, match="^ssl argument must be an SSLContext or None$"):
            await loop.create_unix_server(Hello, str(tmp_path / "x"), ssl=True)

    run(main())


def test_a_factory_that_raises_does_not_stop_the_server(run, reported):
    calls = []

    def factory():
        calls.append(True)
        if len(calls) == 1:
            raise LookupError("factory")
        return Hello()

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(reported)
        server = await loop.create_server(factory, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        try:
            first = await asyncio.to_thread(ask, address)
        except ConnectionResetError:
            first = b""
        assert first == b""
        assert await asyncio.to_thread(ask, address) == b"hello"
        server.close()
        await server.wait_closed()

    run(main())
    assert calls == [True, True]
    assert [str(context["exception"]) for context in reported if "exception" in context] in (
        ["factory"],
        [],
    )


def test_a_server_forgotten_by_its_maker_goes_on(run):
    import gc

    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Hello, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        close = server.close
        del server
        gc.collect()
        assert await asyncio.to_thread(ask, address) == b"hello"
        close()

    run(main())


def test_stop_serving_inside_connection_made(run):
    async def main():
        loop = asyncio.get_running_loop()

        class Last(Hello):
            def connection_made(self, transport):
                server.close()
                super().connection_made(transport)

        server = await loop.create_server(Last, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        assert await asyncio.to_thread(ask, address) == b"hello"
        await server.wait_closed()

    run(main())
