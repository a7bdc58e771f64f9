"""create_datagram_endpoint and its options, and what the transport says of itself."""

import asyncio
import gc
import socket
import struct
import sys
import warnings

import pytest


def test_a_connected_endpoint_sends_to_its_peer_only(run, udp):
    async def main():
        server = await udp.endpoint()
        there = udp.name(server)
        client = await udp.endpoint(remote_addr=there)
        client.transport.sendto(b"one", there)
        client.transport.sendto(b"two", tuple(there))
        client.transport.sendto(b"three", None)
        with pytest.raises(ValueError) as caught:
            client.transport.sendto(b"x", ("127.0.0.1", 1))
        assert str(caught.value) == f"Invalid address: must be None or {there}"
        await server.has("datagram", 3)
        await udp.close(server, client)

    run(main())


def test_a_remote_address_with_broadcast_is_not_connected(run, udp):
    async def main():
        server = await udp.endpoint(udp.Echo)
        there = udp.name(server)
        client = await udp.endpoint(local_addr=udp.LOCAL, remote_addr=there, allow_broadcast=True)
        assert client.transport.get_extra_info("peername") is None
        sock = client.transport.get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST)
        client.transport.sendto(b"x")
        with pytest.raises(ValueError, match="Invalid address"):
            client.transport.sendto(b"x", ("127.0.0.1", 1))
        await client.has("datagram")
        assert client.datagrams == [(b"x", there)]
        await udp.close(server, client)

    run(main())


def test_a_port_that_two_share(run, udp):
    async def main():
        one = await udp.endpoint(reuse_port=True)
        two = await udp.endpoint(local_addr=udp.name(one), reuse_port=True)
        assert udp.name(one) == udp.name(two)
        with pytest.raises(OSError):
            await udp.endpoint(local_addr=udp.name(one))
        await udp.close(one, two)

    run(main())


def test_what_is_no_way_to_make_an_endpoint(run, udp):
    async def main():
        loop = asyncio.get_running_loop()

        async def fails(error, text, *args, **kwargs):
            with pytest.raises(error) as caught:
                await loop.create_datagram_endpoint(udp.Recorder, *args, **kwargs)
            assert text in str(caught.value)

        await fails(ValueError, "unexpected address family")
        await fails(TypeError, "2-tuple is expected", "localhost")
        await fails(TypeError, "2-tuple is expected", ("127.0.0.1", 1, 0, 0))
        await fails(TypeError, "string is expected", ("127.0.0.1", 1), family=socket.AF_UNIX)
        await fails(socket.gaierror, "", ("nobody.invalid", 1))
        await fails(
            ValueError, "can not get address information", ("127.0.0.1", 0), remote_addr=("::1", 1)
        )
        with socket.socket() as sock:
            kind = "A datagram socket" if udp.sends_empty else "A UDP Socket"
            await fails(ValueError, f"{kind} was expected, got {sock!r}", sock=sock)
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            await fails(
                ValueError,
                "socket modifier keyword arguments can not be used when sock is specified. "
                "(local_addr=('127.0.0.1', 0), proto=17, reuse_port=True)",
                udp.LOCAL,
                proto=17,
                reuse_port=True,
                sock=sock,
            )

    run(main())


def test_a_socket_of_the_programs(run, udp):
    async def main():
        server = await udp.endpoint(udp.Echo)
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.connect(udp.name(server))
        client = await udp.endpoint(local_addr=None, sock=sock)
        assert sock.gettimeout() == 0
        assert client.transport.get_extra_info("peername") == udp.name(server)
        # Connected by the program: the address of sendto is not looked at.
        client.transport.sendto(b"x")
        client.transport.sendto(b"y", ("192.0.2.1", 1))
        await client.has("datagram", 2)
        await udp.close(client, server)
        assert sock.fileno() == -1

    run(main())


def test_unix_datagrams(run, tmp_path, udp):
    async def main():
        path, answers = str(tmp_path / "server"), str(tmp_path / "client")
        for _ in range(2):  # the second time over what the first has left
            server = await udp.endpoint(udp.Echo, path, family=socket.AF_UNIX)
            client = await udp.endpoint(local_addr=answers, remote_addr=path, family=socket.AF_UNIX)
            sent = [b"x", b"y" * 100_000]
            for data in sent:
                client.transport.sendto(data)
            await client.has("datagram", 2)
            assert client.datagrams == [(data, path) for data in sent]
            assert server.datagrams == [(data, answers) for data in sent]
            await udp.close(client, server)

    run(main())


def test_a_unix_sender_without_a_name(run, tmp_path, udp):
    async def main():
        path = str(tmp_path / "server")
        server = await udp.endpoint(local_addr=path, family=socket.AF_UNIX)
        client = await udp.endpoint(local_addr=None, family=socket.AF_UNIX)
        client.transport.sendto(b"x", path)
        await server.has("datagram")
        assert server.datagrams == [(b"x", None)]
        client.transport.sendto(b"x", str(tmp_path / "nobody"))
        assert isinstance(client.events[-1][1], FileNotFoundError)
        await udp.close(client, server)

    run(main())


def test_what_a_transport_says_of_itself(run, udp):
    async def main():
        client = await udp.endpoint()
        transport = client.transport
        assert isinstance(transport, asyncio.BaseTransport)
        if sys.version_info >= (3, 12):
            assert isinstance(transport, asyncio.DatagramTransport)
        assert transport.get_protocol() is client
        sock = transport.get_extra_info("socket")
        assert isinstance(sock, asyncio.trsock.TransportSocket)
        assert sock.type == socket.SOCK_DGRAM
        assert sock.getsockname() == transport.get_extra_info("sockname")
        assert transport.get_extra_info("nothing") is None
        assert transport.get_extra_info("nothing", 3) == 3
        assert transport.get_extra_info("peername", 3) is None
        fd = sock.fileno()
        text = f"<_SelectorDatagramTransport fd={fd} read=polling write=<idle, bufsize=0>>"
        assert repr(transport) == text
        with pytest.raises(ValueError, match=r"high \(1\) must be >= low \(2\) must be >= 0"):
            transport.set_write_buffer_limits(high=1, low=2)
        other = udp.Recorder()
        transport.set_protocol(other)
        assert transport.get_protocol() is other
        transport.sendto(b"to myself", sock.getsockname())
        await other.has("datagram")
        transport.close()
        assert repr(transport) == f"<_SelectorDatagramTransport closing fd={fd} read=idle write=<idle, bufsize=0>>"
        await other.has("lost")
        await asyncio.sleep(0)
        assert repr(transport) == f"<_SelectorDatagramTransport closed fd={fd}>"
        assert sock.fileno() == -1
        assert other.names == ["datagram", "lost"]
        assert client.names == ["made"]

    run(main())


def test_its_descriptor_is_not_for_others(run, udp):
    async def main():
        loop = asyncio.get_running_loop()
        client = await udp.endpoint()
        fd = client.transport.get_extra_info("socket").fileno()
        with pytest.raises(RuntimeError, match="is used by transport"):
            loop.add_reader(fd, print)
        await udp.close(client)

    run(main())


def test_one_that_nobody_closes_warns(run, udp):
    async def main():
        client = await udp.endpoint()
        client.transport.pause_reading()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            client.transport = None
            del client
            await asyncio.sleep(0)
            gc.collect()
        assert [str(warning.message)[:18] for warning in caught] == ["unclosed transport"]
        assert caught[0].category is ResourceWarning

    run(main())


def test_the_waiter_is_cancelled(run, udp):
    async def main():
        loop = asyncio.get_running_loop()
        made = []

        def factory():
            made.append(udp.Recorder())
            return made[0]

        task = asyncio.create_task(loop.create_datagram_endpoint(factory, udp.LOCAL))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        await made[0].has("lost")
        assert made[0].events == [("made",), ("lost", None)]

    run(main())


def test_a_factory_that_raises_leaves_no_task(run, udp):
    async def main():
        def factory():
            raise ZeroDivisionError

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            with pytest.raises(ZeroDivisionError):
                await udp.endpoint(factory)
            gc.collect()

    run(main())


def test_timestamps_and_other_options_work_on_the_socket(run, udp):
    async def main():
        client = await udp.endpoint()
        sock = client.transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 3)
        assert sock.getsockopt(socket.IPPROTO_IP, socket.IP_TTL) == 3
        group = struct.pack("4s4s", socket.inet_aton("224.0.0.251"), socket.inet_aton("127.0.0.1"))
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        await udp.close(client)

    run(main())
