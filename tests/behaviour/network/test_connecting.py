"""create_connection and create_unix_connection: where they connect, what they refuse, what is left
when it fails."""

import asyncio
import copy
import socket
import sys

import pytest


def test_by_host_and_port(run, recorder, listener):
    async def main():
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_connection(
            recorder, "127.0.0.1", listener.getsockname()[1]
        )
        assert isinstance(protocol, recorder)
        assert protocol.transport is transport
        assert protocol.names == ["made"]
        assert isinstance(transport, asyncio.Transport)
        conn, _ = await loop.sock_accept(listener)
        with conn:
            transport.write(b"hi")
            assert await loop.sock_recv(conn, 10) == b"hi"
            transport.close()
            await protocol.has("lost")

    run(main())


def test_by_name(run, recorder, listener):
    async def main():
        loop = asyncio.get_running_loop()
        port = listener.getsockname()[1]
        transport, protocol = await loop.create_connection(
            recorder, "localhost", port, family=socket.AF_INET
        )
        transport.abort()
        await protocol.has("lost")

    run(main())


def test_by_socket(run, recorder, listener):
    async def main():
        loop = asyncio.get_running_loop()
        sock = socket.socket()
        sock.setblocking(False)
        await loop.sock_connect(sock, listener.getsockname())
        transport, protocol = await loop.create_connection(recorder, sock=sock)
        assert transport.get_extra_info("socket").fileno() == sock.fileno()
        transport.close()
        await protocol.has("lost")
        await asyncio.sleep(0)
        assert sock.fileno() == -1

    run(main())


def test_with_a_local_address(run, recorder, listener):
    async def main():
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_connection(
            recorder, "127.0.0.1", listener.getsockname()[1], local_addr=("127.0.0.1", 0)
        )
        assert transport.get_extra_info("sockname")[0] == "127.0.0.1"
        transport.abort()
        await protocol.has("lost")

    run(main())


def test_refused(run, recorder):
    async def main():
        loop = asyncio.get_running_loop()
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port = sock.getsockname()[1]
            with pytest.raises(ConnectionRefusedError) as caught:
                await loop.create_connection(recorder, "127.0.0.1", port)
        assert str(port) in str(caught.value)

    run(main())


def test_refused_everywhere_with_all_errors(run, recorder):
    async def main():
        loop = asyncio.get_running_loop()
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port = sock.getsockname()[1]
            with pytest.raises((OSError, ExceptionGroup)):
                await loop.create_connection(recorder, "localhost", port, happy_eyeballs_delay=0.01)

    run(main())


def test_happy_eyeballs_finds_the_address_that_answers(run, recorder, listener):
    async def main():
        loop = asyncio.get_running_loop()
        port = listener.getsockname()[1]
        transport, protocol = await loop.create_connection(
            recorder, "localhost", port, happy_eyeballs_delay=0.05, interleave=1
        )
        assert transport.get_extra_info("peername")[1] == port
        transport.abort()
        await protocol.has("lost")

    run(main())


@pytest.mark.skipif(sys.version_info < (3, 12), reason="all_errors is new in 3.12")
def test_the_group_of_all_errors_stays_whole(run, recorder):
    async def main():
        loop = asyncio.get_running_loop()
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            with pytest.raises(ExceptionGroup) as caught:
                await loop.create_connection(recorder, *sock.getsockname(), all_errors=True)
        group = caught.value
        assert group.args == ("create_connection failed", list(group.exceptions))
        assert "ConnectionRefusedError" in repr(group)
        assert [type(error) for error in copy.copy(group).exceptions] == [ConnectionRefusedError]

    run(main())


def addresses_of_names(names):
    """A `getaddrinfo` that knows the given names: (host, port) for each of their addresses."""

    async def getaddrinfo(host, port, **kwargs):
        return [
            (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address)
            for address in names[host]
        ]

    return getaddrinfo


ALL_ERRORS = [False, True] if sys.version_info >= (3, 12) else [False]


@pytest.mark.parametrize("all_errors", ALL_ERRORS)
def test_local_addresses_that_could_not_be_bound_are_named(run, recorder, all_errors):
    async def main():
        loop = asyncio.get_running_loop()
        options = {"all_errors": True} if all_errors else {}
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            taken = sock.getsockname()
            loop.getaddrinfo = addresses_of_names({"ours": [taken, ("127.0.0.1", 0)]})
            with pytest.raises((OSError, ExceptionGroup)) as caught:
                await loop.create_connection(recorder, *taken, local_addr=("ours", 0), **options)
        binding = f"[Errno 98] error while attempting to bind on address {taken!r}: "
        connecting = f"[Errno 111] Connect call failed {taken!r}"
        if all_errors:
            first, second = map(str, caught.value.exceptions)
            assert first.startswith(binding) and first.endswith("address already in use")
            assert second == connecting
        else:
            text = str(caught.value)
            assert text.startswith(f"Multiple exceptions: {binding}")
            assert text.endswith(f"address already in use, {connecting}")

    run(main())


class OtherAddresses:
    """`sock_connect` for 127.0.0.1, where the other addresses raise what they are given."""

    def __init__(self, loop, errors):
        self.errors = errors
        self.sock_connect = loop.sock_connect
        names = [(address, 1) for address in errors]
        loop.getaddrinfo = addresses_of_names({"theirs": names})
        loop.sock_connect = self

    async def __call__(self, sock, address):
        await asyncio.sleep(0.001)
        error = self.errors[address[0]]
        if isinstance(error, tuple):
            return await self.sock_connect(sock, error)
        raise error


def test_happy_eyeballs_go_on_after_an_error_that_is_no_oserror(run, recorder, listener):
    async def main():
        loop = asyncio.get_running_loop()
        OtherAddresses(
            loop,
            {
                "127.0.0.2": LookupError("look"),
                "127.0.0.3": OSError("os"),
                "127.0.0.1": listener.getsockname(),
            },
        )
        transport, protocol = await loop.create_connection(
            recorder, "theirs", 1, happy_eyeballs_delay=10
        )
        transport.abort()
        await protocol.has("lost")
        OtherAddresses(loop, {"127.0.0.2": LookupError("look"), "127.0.0.3": OSError("os")})
        with pytest.raises(OSError, match="^os$"):
            await loop.create_connection(recorder, "theirs", 1, happy_eyeballs_delay=10)

    run(main())


def test_happy_eyeballs_that_fail_without_an_oserror(flavour, run, recorder):
    if flavour.name == "asyncio":
        pytest.skip("stock looks for the first of no OSErrors: IndexError")

    async def main():
        loop = asyncio.get_running_loop()
        OtherAddresses(loop, {"127.0.0.2": LookupError("two"), "127.0.0.3": LookupError("three")})
        with pytest.raises(LookupError, match="^two$"):
            await loop.create_connection(recorder, "theirs", 1, happy_eyeballs_delay=10)

    run(main())


def test_a_name_that_does_not_exist(run, recorder):
    async def main():
        with pytest.raises(socket.gaierror):
            await asyncio.get_running_loop().create_connection(recorder, "no-such-host.invalid", 80)

    run(main())


def test_arguments_that_exclude_each_other(run, recorder, listener):
    async def main():
        loop = asyncio.get_running_loop()
        port = listener.getsockname()[1]
        with socket.socket() as sock:
            with pytest.raises(
                ValueError, match="^host/port and sock can not be specified at the same time$"
            ):
                await loop.create_connection(recorder, "127.0.0.1", port, sock=sock)
        with pytest.raises(
            ValueError, match="^host and port was not specified and no sock specified$"
        ):
            await loop.create_connection(recorder)
        with pytest.raises(ValueError, match="^server_hostname is only meaningful with ssl$"):
            await loop.create_connection(recorder, "127.0.0.1", port, server_hostname="x")
        with pytest.raises(ValueError, match="^ssl_handshake_timeout is only meaningful with ssl$"):
            await loop.create_connection(recorder, "127.0.0.1", port, ssl_handshake_timeout=1)
        with pytest.raises(ValueError, match="^ssl_shutdown_timeout is only meaningful with ssl$"):
            await loop.create_connection(recorder, "127.0.0.1", port, ssl_shutdown_timeout=1)
        with pytest.raises(
            ValueError, match="^You must set server_hostname when using ssl without a host$"
        ):
            await loop.create_connection(recorder, ssl=True, sock=listener)

    run(main())


def test_a_datagram_socket_is_no_stream(run, recorder):
    async def main():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            with pytest.raises(ValueError, match="^A Stream Socket was expected, got <socket"):
                await asyncio.get_running_loop().create_connection(recorder, sock=sock)

    run(main())


def test_a_factory_that_raises_closes_the_socket(run, listener):
    def factory():
        raise LookupError("factory")

    async def main():
        loop = asyncio.get_running_loop()
        with pytest.raises(LookupError, match="factory"):
            await loop.create_connection(factory, "127.0.0.1", listener.getsockname()[1])
        conn, _ = await loop.sock_accept(listener)
        with conn:
            assert await loop.sock_recv(conn, 10) == b""

    run_and_collect(run, main)


def run_and_collect(run, main):
    """Stock leaves the socket of a failed factory to the garbage collector."""
    import gc
    import warnings

    async def collecting():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            await main()

    async def with_collector():
        task = asyncio.ensure_future(collecting())
        while not task.done():
            gc.collect()
            await asyncio.sleep(0.001)
        await task

    run(with_collector())


def test_connection_made_that_raises_is_reported(run, recorder, listener, reported):
    class Broken(recorder):
        def connection_made(self, transport):
            super().connection_made(transport)
            raise LookupError("made")

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(reported)
        transport, protocol = await loop.create_connection(
            Broken, "127.0.0.1", listener.getsockname()[1]
        )
        assert [str(context["exception"]) for context in reported] == ["made"]
        transport.abort()
        await protocol.has("lost")

    run(main())


def test_cancelled_while_connecting(run, recorder):
    """192.0.2.0/24 is for documentation: nobody answers, or the kernel says at once that there is
    no way."""

    async def main():
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(loop.create_connection(recorder, "192.0.2.1", 81))
        done, _ = await asyncio.wait([task], timeout=0.02)
        task.cancel()
        with pytest.raises((asyncio.CancelledError, OSError)):
            await task

    run(main())


def test_unix_by_path(run, recorder, tmp_path):
    path = str(tmp_path / "socket")

    async def main():
        loop = asyncio.get_running_loop()
        made = loop.create_future()

        def factory():
            made.set_result(recorder())
            return made.result()

        server = await loop.create_unix_server(factory, path)
        transport, protocol = await loop.create_unix_connection(recorder, path)
        assert transport.get_extra_info("peername") == path
        peer = await made
        transport.write(b"over a path")
        assert await peer.received(11) == b"over a path"
        transport.close()
        await protocol.has("lost")
        await peer.has("lost")
        server.close()
        await server.wait_closed()

    run(main())


def test_unix_paths_of_all_kinds(run, recorder, tmp_path):
    async def main():
        loop = asyncio.get_running_loop()
        for path in (
            tmp_path / "one",
            str(tmp_path / "two"),
            bytes(tmp_path / "three"),
            b"\0ferrio-abstract-%d" % id(loop),
        ):
            server = await loop.create_unix_server(asyncio.Protocol, path)
            transport, protocol = await loop.create_unix_connection(recorder, path)
            transport.close()
            await protocol.has("lost")
            server.close()

    run(main())


def test_unix_errors(run, recorder, tmp_path):
    async def main():
        loop = asyncio.get_running_loop()
        with pytest.raises(FileNotFoundError):
            await loop.create_unix_connection(recorder, str(tmp_path / "missing"))
        with pytest.raises(ValueError, match="^no path and sock were specified$"):
            await loop.create_unix_connection(recorder)
        with socket.socket() as tcp:
            with pytest.raises(
                ValueError, match="^path and sock can not be specified at the same time$"
            ):
                await loop.create_unix_connection(recorder, "path", sock=tcp)
            with pytest.raises(ValueError, match="^A UNIX Domain Stream Socket was expected, got "):
                await loop.create_unix_connection(recorder, sock=tcp)
        with pytest.raises(OSError):
            await loop.create_unix_connection(recorder, "x" * 200)

    run(main())


def test_connect_accepted_socket(run, recorder, listener):
    async def main():
        loop = asyncio.get_running_loop()
        client = socket.create_connection(listener.getsockname())
        conn, _ = await loop.sock_accept(listener)
        transport, protocol = await loop.connect_accepted_socket(recorder, conn)
        client.sendall(b"hello")
        assert await protocol.received(5) == b"hello"
        transport.write(b"back")
        transport.close()
        await protocol.has("lost")
        assert client.recv(10) == b"back"
        client.close()

    run(main())


def test_connect_accepted_socket_refuses_datagrams(run, recorder):
    async def main():
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            with pytest.raises(ValueError, match="^A Stream Socket was expected, got "):
                await loop.connect_accepted_socket(recorder, sock)

    run(main())


def test_many_connections_at_once(run, recorder):
    async def main():
        loop = asyncio.get_running_loop()
        peers = []

        def factory():
            peers.append(recorder())
            return peers[-1]

        server = await loop.create_server(factory, "127.0.0.1", 0, backlog=256)
        address = server.sockets[0].getsockname()
        made = await asyncio.gather(
            *(loop.create_connection(recorder, *address) for _ in range(200))
        )
        for transport, _ in made:
            transport.write(b"x")
            transport.close()
        for _, protocol in made:
            await protocol.has("lost")
        while len(peers) < 200:
            await asyncio.sleep(0.001)
        for peer in peers:
            await peer.has("lost")
            assert peer.data == b"x"
        server.close()
        await server.wait_closed()

    run(main())
