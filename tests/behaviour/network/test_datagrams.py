"""Datagrams: what is sent arrives whole, with an address; what goes wrong is told and ends nothing."""

import asyncio
import contextlib
import contextvars
import os
import socket

import pytest


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")


@pytest.mark.parametrize(
    "host, family",
    [
        ("127.0.0.1", socket.AF_INET),
        ("localhost", socket.AF_INET),
        pytest.param("::1", socket.AF_INET6, marks=needs_ipv6),
    ],
)
@pytest.mark.parametrize("connected", [False, True])
def test_there_and_back(run, host, family, connected, udp):
    async def main():
        server = await udp.endpoint(udp.Echo, (host, 0), family=family)
        there = udp.name(server)
        if connected:
            client = await udp.endpoint(udp.Recorder, None, remote_addr=there[:2])
            assert client.transport.get_extra_info("peername") == there
            to = None
        else:
            client = await udp.endpoint(udp.Recorder, (host, 0), family=family)
            assert client.transport.get_extra_info("peername") is None
            to = there
        sizes = [1, 100, 1400, 9000, 65_000]
        sent = [os.urandom(size) for size in sizes]
        for data in sent:
            client.transport.sendto(data, to)
            await client.has("datagram", len(sent[: sent.index(data) + 1]))
        here = client.transport.get_extra_info("socket").getsockname()
        assert client.datagrams == [(data, there) for data in sent]
        assert server.datagrams == [(data, here) for data in sent]
        assert {type(data) for data in client.received_data} == {bytes}
        await udp.close(client, server)
        assert client.names[0] == "made"
        assert client.events[-1] == ("lost", None)

    run(main())


def test_many_peers_at_once(run, udp):
    async def main():
        server = await udp.endpoint(udp.Echo)
        clients = [await udp.endpoint() for _ in range(20)]
        for turn in range(5):
            for number, client in enumerate(clients):
                client.transport.sendto(b"%d %d" % (number, turn), udp.name(server))
            for client in clients:
                await client.has("datagram", turn + 1)
        for number, client in enumerate(clients):
            expected = [(b"%d %d" % (number, turn), udp.name(server)) for turn in range(5)]
            assert client.datagrams == expected
        await udp.close(server, *clients)

    run(main())


@pytest.mark.parametrize("count", [2, 200])
def test_senders_in_turn_are_told_apart(run, udp, count):
    async def main():
        server = await udp.endpoint()
        _, port = udp.name(server)
        with contextlib.ExitStack() as stack:
            socks = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(count)]
            for number, sock in enumerate(socks):
                sock.bind((f"127.0.{number % 5}.1", 0))
            for turn in range(1, 4):
                for sock in socks:
                    sock.sendto(b"%d" % turn, ("127.0.0.1", port))
                await server.has("datagram", turn * count)
                names = [(b"%d" % turn, sock.getsockname()) for sock in socks]
                assert server.datagrams[-count:] == names
        await udp.close(server)

    run(main())


def test_datagrams_of_all_sizes_come_whole(run, udp):
    sizes = [0, 1, 65_507, 1_000, 16_385, 0, 40_000, 7]

    async def main():
        server = await udp.endpoint()
        _, port = udp.name(server)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect(("127.0.0.1", port))
            for turn in range(3):
                sent = [bytes([65 + turn]) * size for size in sizes]
                for datagram in sent:
                    sock.send(datagram)
                await server.has("datagram", (turn + 1) * len(sizes))
                assert server.received_data[-len(sizes) :] == sent
        await udp.close(server)

    run(main())


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.10.99", "127.100.101.110", "127.199.200.254", "127.255.255.254"])
def test_addresses_of_senders_are_the_socket_modules(run, udp, host):
    async def main():
        server = await udp.endpoint(udp.Recorder, ("0.0.0.0", 0))
        _, port = udp.name(server)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((host, 0))
            sock.sendto(b"hello", ("127.0.0.1", port))
            await server.has("datagram")
            assert server.datagrams == [(b"hello", sock.getsockname())]
        await udp.close(server)

    run(main())


def test_many_datagrams_in_one_go(run, udp):
    async def main():
        server = await udp.endpoint()
        client = await udp.endpoint(remote_addr=udp.name(server))
        for number in range(100):
            client.transport.sendto(b"%d" % number)
        await server.has("datagram", 100)
        assert server.received_data == [b"%d" % number for number in range(100)]
        await udp.close(server, client)

    run(main())


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_like_objects(run, kind, udp):
    async def main():
        server = await udp.endpoint()
        client = await udp.endpoint()
        client.transport.sendto(kind(b"data"), udp.name(server))
        client.transport.sendto(addr=udp.name(server), data=kind(b"more"))
        await server.has("datagram", 2)
        assert server.received_data == [b"data", b"more"]
        for junk in ("text", 3, None):
            with pytest.raises(TypeError, match="data argument must be a bytes-like object, not '"):
                client.transport.sendto(junk, udp.name(server))
        await udp.close(server, client)

    run(main())


def test_an_empty_datagram(run, udp):
    async def main():
        server = await udp.endpoint()
        client = await udp.endpoint()
        client.transport.sendto(b"", udp.name(server))
        client.transport.sendto(b"x", udp.name(server))
        await server.until(lambda server: b"x" in server.received_data)
        assert server.received_data == ([b""] if udp.sends_empty else []) + [b"x"]
        client.transport.get_extra_info("socket")._sock.sendto(b"", udp.name(server))
        await server.until(lambda server: len(server.received_data) == 2 + udp.sends_empty)
        assert server.received_data[-1] == b""
        await udp.close(server, client)

    run(main())


def test_addresses_as_the_socket_module_takes_them(run, udp):
    """Names, and hosts that only it understands."""

    async def main():
        server = await udp.endpoint()
        client = await udp.endpoint()
        port = udp.name(server)[1]
        for host in ("localhost", "127.1", "127.0.0.1"):
            client.transport.sendto(host.encode(), (host, port))
        await server.has("datagram", 3)
        assert server.received_data == [b"localhost", b"127.1", b"127.0.0.1"]
        assert client.names == ["made"]
        await udp.close(server, client)

    run(main())


@needs_ipv6
def test_ipv6_addresses_with_flow_and_scope(run, udp):
    async def main():
        server = await udp.endpoint(local_addr=("::1", 0))
        client = await udp.endpoint(local_addr=("::1", 0))
        port = udp.name(server)[1]
        for address in [("::1", port), ("::1", port, 0), ("::1", port, 0, 0)]:
            client.transport.sendto(repr(address).encode(), address)
        await server.has("datagram", 3)
        assert server.datagrams[0][1] == udp.name(client)
        assert len(udp.name(client)) == 4
        await udp.close(server, client)

    run(main())


def test_an_error_of_sending_is_told_and_ends_nothing(run, udp):
    async def main():
        server = await udp.endpoint()
        client = await udp.endpoint()
        client.transport.sendto(b"x" * 70_000, udp.name(server))
        assert client.names == ["made", "error"]
        assert isinstance(client.events[-1][1], OSError)
        client.transport.sendto(b"too large, but not this", udp.name(server))
        await server.has("datagram")
        assert not client.transport.is_closing()
        await udp.close(server, client)

    run(main())


def test_an_unknown_host_is_an_error_of_sending(run, udp):
    async def main():
        client = await udp.endpoint()
        client.transport.sendto(b"x", ("nobody.invalid", 1))
        assert isinstance(client.events[-1][1], socket.gaierror)
        assert not client.transport.is_closing()
        await udp.close(client)

    run(main())


def test_nobody_listens(run, udp):
    async def main():
        gone = await udp.endpoint()
        address = udp.name(gone)
        await udp.close(gone)
        client = await udp.endpoint(remote_addr=address)
        client.transport.sendto(b"x")
        await client.has("error")
        assert isinstance(client.events[-1][1], ConnectionRefusedError)
        # The endpoint goes on.
        server = await udp.endpoint(local_addr=address)
        client.transport.sendto(b"y")
        await server.has("datagram")
        assert server.received_data == [b"y"]
        await udp.close(server, client)

    run(main())


@pytest.mark.parametrize("address", [None, ("127.0.0.1",), 3, ("127.0.0.1", "x"), ("127.0.0.1", 70_000)])
def test_an_impossible_address_ends_the_endpoint(run, reported, address, udp):
    async def main():
        asyncio.get_running_loop().set_exception_handler(reported)
        client = await udp.endpoint()
        client.transport.sendto(b"x", address)
        assert client.transport.is_closing()
        await client.has("lost")
        assert reported.messages == ["Fatal write error on datagram transport"]
        assert client.events[-1][1] is reported[0]["exception"]
        assert isinstance(reported[0]["exception"], (TypeError, OverflowError))
        assert reported[0]["transport"] is client.transport

    run(main())


def test_a_protocol_that_raises_is_reported_and_goes_on(run, reported, udp):
    async def main():
        class Raising(udp.Recorder):
            def connection_made(self, transport):
                super().connection_made(transport)
                raise ZeroDivisionError("made")

            def datagram_received(self, data, addr):
                super().datagram_received(data, addr)
                raise ZeroDivisionError("datagram")

            def connection_lost(self, exc):
                super().connection_lost(exc)
                raise ZeroDivisionError("lost")

        asyncio.get_running_loop().set_exception_handler(reported)
        server = await udp.endpoint(Raising)
        client = await udp.endpoint(remote_addr=udp.name(server))
        for count in (1, 2):
            client.transport.sendto(b"x")
            await server.has("datagram", count)
        assert not server.transport.is_closing()
        await udp.close(client, server)
        await asyncio.sleep(0)

    run(main())
    assert [str(context["exception"]) for context in reported] == ["made", "datagram", "datagram", "lost"]
    assert all(message.startswith("Exception in callback ") for message in reported.messages)


def test_an_error_of_error_received_is_the_callers(run, udp):
    async def main():
        class Raising(udp.Recorder):
            def error_received(self, exc):
                raise ZeroDivisionError

        client = await udp.endpoint(Raising)
        with pytest.raises(ZeroDivisionError):
            client.transport.sendto(b"x" * 70_000, ("127.0.0.1", 9))
        assert not client.transport.is_closing()
        await udp.close(client)

    run(main())


def test_callbacks_run_in_the_context_of_the_maker(run, udp):
    variable = contextvars.ContextVar("variable", default="nobody's")

    class Seeing(udp.Echo):
        def _note(self, *event):
            super()._note(*event, variable.get())

        def datagram_received(self, data, addr):
            super().datagram_received(data, addr)
            # From inside of the context, too.
            self.transport.sendto(b"x" * 70_000, addr)
            variable.set("the callback's")

    async def main():
        variable.set("the maker's")
        server = await udp.endpoint(Seeing)
        variable.set("somebody else's")
        client = await udp.endpoint(remote_addr=udp.name(server))
        client.transport.sendto(b"x")
        await server.has("error")
        assert [(event[0], event[-1]) for event in server.events] == [
            ("made", "the maker's"),
            ("datagram", "the maker's"),
            ("error", "the maker's"),
        ]
        assert variable.get() == "somebody else's"
        await udp.close(server, client)

    run(main())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_answers_keep_their_order(run, udp, host):
    """However they leave: several for each question, some of them large, one too large, to a number or to a name."""

    class Answering(udp.Recorder):
        def datagram_received(self, data, addr):
            super().datagram_received(data, addr)
            for number in range(7):
                self.transport.sendto(b"%s.%d" % (data, number), (host if number % 2 else "127.0.0.1", addr[1]))
            self.transport.sendto(data * 10_000, addr)
            self.transport.sendto(b"x" * 70_000, addr)
            self.transport.sendto(data, addr)

    async def main():
        server = await udp.endpoint(Answering)
        clients = [await udp.endpoint() for _ in range(5)]
        for question in (b"a", b"b", b"c"):
            for client in clients:
                client.transport.sendto(question, udp.name(server))
        for client in clients:
            await client.has("datagram", 27)
            assert client.received_data == [
                answer
                for question in (b"a", b"b", b"c")
                for answer in (*(b"%s.%d" % (question, number) for number in range(7)), question * 10_000, question)
            ]
        assert server.names.count("error") == 15
        await udp.close(server, *clients)

    run(main())


def test_what_is_sent_after_the_end_is_no_more_than_asyncios(run, udp):
    class Ending(udp.Recorder):
        def datagram_received(self, data, addr):
            self.transport.close()
            self.transport.sendto(data, addr)

    async def main():
        server = await udp.endpoint(Ending)
        client = await udp.endpoint(remote_addr=udp.name(server))
        client.transport.sendto(b"x")
        await server.has("lost")
        await client.has("datagram")
        assert client.received_data == [b"x"]
        await udp.close(client)

    run(main())


async def asked(udp, protocol, count):
    """An endpoint with this protocol and one that has sent it so many datagrams."""
    server = await udp.endpoint(protocol)
    client = await udp.endpoint(remote_addr=udp.name(server))
    for number in range(count):
        client.transport.sendto(b"%d" % number)
    return server, client


def test_an_interrupt_leaves_the_other_answers_for_the_next_run(loop, udp):
    class Interrupted(udp.Recorder):
        def datagram_received(self, data, addr):
            self.transport.sendto(data, addr)
            self.transport.sendto(data + b"!", addr)
            if data == b"2":
                raise KeyboardInterrupt

    server, client = loop.run_until_complete(asked(udp, Interrupted, 4))
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(client.has("datagram", 8))
    loop.run_until_complete(client.has("datagram", 8))
    assert client.received_data == [b"%d%s" % (number, mark) for number in range(4) for mark in (b"", b"!")]
    loop.run_until_complete(udp.close(server, client))


def test_an_interrupt_leaves_the_other_datagrams_for_the_next_run(loop, udp):
    class Interrupted(udp.Recorder):
        def datagram_received(self, data, addr):
            super().datagram_received(data, addr)
            if int(data) % 5 == 4:
                raise KeyboardInterrupt

    server, client = loop.run_until_complete(asked(udp, Interrupted, 20))
    for _ in range(4):
        with pytest.raises(KeyboardInterrupt):
            loop.run_until_complete(server.has("datagram", 21))
    assert server.received_data == [b"%d" % number for number in range(20)]
    loop.run_until_complete(udp.close(server, client))


@pytest.mark.parametrize("how", ["close", "abort", "stays"])
def test_what_was_answered_before_the_end_is_sent(run, udp, how):
    class Ending(udp.Recorder):
        def datagram_received(self, data, addr):
            self.transport.sendto(data, addr)
            self.transport.sendto(data + b"!", addr)
            assert self.transport.get_write_buffer_size() == 0
            self.transport.sendto(data + b"!!", addr)
            if how != "stays":
                getattr(self.transport, how)()

    async def main():
        server = await udp.endpoint(Ending)
        client = await udp.endpoint(remote_addr=udp.name(server))
        client.transport.sendto(b"x")
        await client.has("datagram", 3)
        assert client.received_data == [b"x", b"x!", b"x!!"]
        if how != "stays":
            await server.has("lost")
        await udp.close(server, client)

    run(main())


def test_a_stopped_loop_leaves_the_rest_for_the_next_run(loop, udp):
    class Stopping(udp.Recorder):
        def datagram_received(self, data, addr):
            super().datagram_received(data, addr)
            loop.stop()

    server, client = loop.run_until_complete(asked(udp, Stopping, 12))
    for count in range(1, 13):
        if len(server.received_data) < count:
            loop.run_forever()
        assert len(server.received_data) == count
    loop.run_until_complete(udp.close(server, client))
