"""get_extra_info, get_protocol and set_protocol: what a transport tells about itself."""

import asyncio
import socket

import pytest


def test_the_names_of_both_ends(run, tcp_pair):
    async def main():
        async with tcp_pair() as (left, right):
            assert left.transport.get_extra_info("peername") == right.transport.get_extra_info(
                "sockname"
            )
            assert left.transport.get_extra_info("sockname") == right.transport.get_extra_info(
                "peername"
            )
            assert left.transport.get_extra_info("peername")[0] == "127.0.0.1"

    run(main())


def test_the_name_of_a_vsock(run, recorder):
    async def main():
        try:
            sock = socket.socket(socket.AF_VSOCK)
        except OSError:
            pytest.skip("the kernel has no vsock")
        with sock:
            sock.bind((socket.VMADDR_CID_ANY, socket.VMADDR_PORT_ANY))
            sock.setblocking(False)
            name = sock.getsockname()
            loop = asyncio.get_running_loop()
            transport, protocol = await loop.create_connection(recorder, sock=sock)
            assert transport.get_extra_info("sockname") == name
            assert name[0] == socket.VMADDR_CID_ANY
            transport.abort()
            await protocol.has("lost")

    run(main())


def test_names_are_still_known_after_close(run, tcp_pair):
    async def main():
        async with tcp_pair() as (left, right):
            expected = left.transport.get_extra_info("sockname")
            peer = right.transport.get_extra_info("peername")
            left.transport.close()
            await left.has("lost")
            await right.has("lost")
            assert left.transport.get_extra_info("sockname") == expected
            assert right.transport.get_extra_info("peername") == peer == expected

    run(main())


def test_names_that_nobody_asked_for_before_the_end(run, tcp_pair):
    async def main():
        async with tcp_pair() as (left, right):
            left.transport.close()
            await left.has("lost")
            await right.has("lost")
            await asyncio.sleep(0)
            names = [
                end.transport.get_extra_info(name)
                for end in (left, right)
                for name in ("sockname", "peername")
            ]
            assert names[:2] == names[:1:-1]
            assert None not in names

    run(main())


def test_peername_of_a_peer_that_left_before_anyone_asked(run, recorder):
    """getpeername fails on a connection that was reset; the name is taken when the connection is
    made."""

    async def main():
        loop = asyncio.get_running_loop()
        accepted = loop.create_future()

        class Server(recorder):
            def connection_lost(self, exc):
                super().connection_lost(exc)
                accepted.set_result(self)

        server = await loop.create_server(Server, "127.0.0.1", 0)
        with socket.create_connection(server.sockets[0].getsockname()) as client:
            name = client.getsockname()
        protocol = await accepted
        assert protocol.transport.get_extra_info("peername") == name
        server.close()

    run(main())


def test_the_socket_is_a_transport_socket(run, pair):
    async def main():
        async with pair() as (left, _):
            sock = left.transport.get_extra_info("socket")
            assert isinstance(sock, asyncio.trsock.TransportSocket)
            assert sock.gettimeout() == 0
            assert sock.type == socket.SOCK_STREAM
            assert sock.fileno() >= 0
            for forbidden in ("recv", "send", "close", "accept", "connect"):
                assert not hasattr(sock, forbidden)

    run(main())


def test_the_socket_can_be_shut_down_and_tuned(run, tcp_pair):
    async def main():
        async with tcp_pair() as (left, right):
            sock = left.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            sock.shutdown(socket.SHUT_WR)
            await right.has("eof")

    run(main())


def test_nagle_is_off_on_tcp(run, tcp_pair):
    async def main():
        async with tcp_pair() as (left, right):
            for end in (left, right):
                sock = end.transport.get_extra_info("socket")
                assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0

    run(main())


def test_a_name_nobody_knows(run, pair):
    async def main():
        async with pair() as (left, _):
            assert left.transport.get_extra_info("no such thing") is None
            assert left.transport.get_extra_info("no such thing", 3) == 3
            assert left.transport.get_extra_info("ssl_object") is None
            assert left.transport.get_extra_info("sslcontext") is None

    run(main())


def test_the_transports_class_and_repr(run, pair):
    async def main():
        async with pair() as (left, right):
            for kind in (
                asyncio.Transport,
                asyncio.ReadTransport,
                asyncio.WriteTransport,
                asyncio.BaseTransport,
            ):
                assert isinstance(left.transport, kind)
            text = repr(left.transport)
            assert text.startswith("<_SelectorSocketTransport fd=")
            fd = left.transport.get_extra_info("socket").fileno()
            assert f" fd={fd} " in text
            left.transport.close()
            assert f" closing fd={fd} " in repr(left.transport)
            await left.has("lost")
            # By the number it can be found in the log, which has it with what happened before.
            assert repr(left.transport) == f"<_SelectorSocketTransport closed fd={fd}>"

    run(main())


def test_set_protocol(run, pair, recorder):
    async def main():
        async with pair() as (left, right):
            left.transport.write(b"one")
            await right.received(3)
            second = recorder()
            second.transport = right.transport
            assert right.transport.get_protocol() is right
            right.transport.set_protocol(protocol=second)
            assert right.transport.get_protocol() is second
            left.transport.write(b"two")
            assert await second.received(3) == b"two"
            assert right.data == b"one"
            left.transport.close()
            await second.has("lost")
            assert second.names == ["data", "eof", "lost"]
            right.events.append(("lost", None))

    run(main())


def test_set_protocol_from_plain_to_buffered_and_back(run, pair, recorder, buffered_recorder):
    async def main():
        async with pair() as (left, right):
            first = right
            transport = right.transport
            for number, kind in enumerate([buffered_recorder, recorder, buffered_recorder]):
                protocol = kind()
                transport.set_protocol(protocol)
                left.transport.write(b"x" * (number + 1))
                await protocol.received(number + 1)
            transport.set_protocol(first)

    run(main())


def test_set_protocol_inside_data_received(run, pair, recorder):
    second = []

    class First(recorder):
        def data_received(self, data):
            super().data_received(data)
            second.append(recorder())
            self.transport.set_protocol(second[0])

    async def main():
        async with pair(server=First) as (left, right):
            left.transport.write(b"1" * 100)
            await right.received(1)
            left.transport.write(b"2" * 100)
            await second[0].received(200 - len(right.data))
            right.transport.set_protocol(right)

    run(main())


def test_a_transport_keeps_a_weak_reference_target(run, pair):
    import weakref

    async def main():
        async with pair() as (left, _):
            assert weakref.ref(left.transport)() is left.transport
            left.transport.mark = "an attribute"
            assert left.transport.mark == "an attribute"

    run(main())


@pytest.mark.parametrize("junk", [None, 3, object()])
def test_a_protocol_that_is_none_of_asyncios(run, junk):
    """Duck typing: anything may be a protocol until a method is missing; then the loop reports and
    goes on."""

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: problems.append(context))
        one, two = socket.socketpair()
        one.setblocking(False)
        try:
            transport, protocol = await loop.create_unix_connection(lambda: junk, sock=one)
        except AttributeError:
            one.close()
        else:
            assert protocol is junk
            transport.abort()
            await asyncio.sleep(0.001)
        two.close()

    problems = []
    run(main())
    assert all(isinstance(context.get("exception"), AttributeError) for context in problems)
