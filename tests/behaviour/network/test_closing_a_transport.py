"""close, abort, write_eof, half-close and resets: what is still delivered, what is dropped, what
the protocol is told."""

import asyncio
import socket
import struct
import sys

import pytest


def test_close_flushes_then_reports_once(run, pair):
    async def main():
        async with pair() as (left, right):
            data = b"x" * 1_000_000
            left.transport.write(data)
            left.transport.close()
            assert left.transport.is_closing()
            left.transport.close()
            assert len(await right.received(len(data))) == len(data)
            await left.has("lost")
            await right.has("lost")
        assert left.events == [("made",), ("lost", None)] or ("pause",) in left.events
        assert left.names.count("lost") == right.names.count("lost") == 1
        assert right.events[-2:] == [("eof",), ("lost", None)]

    run(main())


def test_connection_lost_is_never_called_from_close_itself(run, pair):
    async def main():
        async with pair() as (left, right):
            left.transport.close()
            assert left.names == ["made"]
            right.transport.abort()
            assert right.names == ["made"]

    run(main())


def test_abort_drops_what_is_buffered(run, pair):
    async def main():
        async with pair() as (left, right):
            right.transport.pause_reading()
            left.transport.write(b"x" * 10_000_000)
            left.transport.abort()
            assert left.transport.is_closing()
            await left.has("lost")
            assert left.events[-1] == ("lost", None)
            right.transport.resume_reading()
            await right.has("lost")
            assert len(right.data) < 10_000_000

    run(main())


def test_no_data_is_received_after_close(run, pair):
    async def main():
        async with pair() as (left, right):
            right.transport.write(b"early")
            await left.received(5)
            left.transport.close()
            right.transport.write(b"late")
            await left.has("lost")
            assert left.data == b"early"

    run(main())


def test_writes_after_close_are_dropped_without_an_error(run, pair, log):
    """After five of them the log says so; the caller never sees an exception."""

    async def main():
        async with pair() as (left, right):
            left.transport.close()
            await left.has("lost")
            for _ in range(20):
                left.transport.write(b"too late")
            await right.has("lost")
            assert right.data == b""

    run(main())
    messages = [record.getMessage() for record in log.records if record.name == "asyncio"]
    assert messages.count("socket.send() raised exception.") >= 1


def test_four_writes_after_close_are_not_worth_a_warning(run, pair, log):
    async def main():
        async with pair() as (left, _):
            left.transport.close()
            await left.has("lost")
            for _ in range(4):
                left.transport.write(b"too late")

    run(main())
    assert "socket.send() raised exception." not in log.text


def test_writelines_after_close_is_dropped_too(flavour, run, pair, log):
    if flavour.name == "asyncio" and (3, 12) <= sys.version_info < (3, 14):
        pytest.skip("stock 3.12.1 and 3.13.0 raise AttributeError here; mended since")

    async def main():
        async with pair() as (left, right):
            left.transport.abort()
            await left.has("lost")
            left.transport.writelines([b"too", b"late"])
            await right.has("lost")
            assert right.data == b""

    run(main())


def test_write_eof_ends_one_direction(run, pair, recorder):
    class HalfOpen(recorder):
        def eof_received(self):
            super().eof_received()
            return True

    async def main():
        async with pair(server=HalfOpen) as (left, right):
            assert left.transport.can_write_eof() is True
            left.transport.write(b"question")
            left.transport.write_eof()
            left.transport.write_eof()
            await right.has("eof")
            assert right.data == b"question"
            assert not right.transport.is_closing()
            right.transport.write(b"answer")
            assert await left.received(6) == b"answer"
            right.transport.close()
            await left.has("lost")

    run(main())


def test_write_eof_waits_for_the_buffer(run, pair, recorder):
    class HalfOpen(recorder):
        def eof_received(self):
            super().eof_received()
            return True

    async def main():
        async with pair(server=HalfOpen) as (left, right):
            data = b"x" * 3_000_000
            left.transport.write(data)
            left.transport.write_eof()
            await right.has("eof")
            assert len(right.data) == len(data)

    run(main())


@pytest.mark.parametrize("size", [50_000, 2_000_000, 20_000_000])
def test_what_a_peer_says_before_it_closes_is_heard_by_who_still_writes(run, recorder, size):
    """A server that refuses a large body and closes: its answer has arrived when the body cannot go on."""

    async def main():
        loop = asyncio.get_running_loop()
        for _ in range(5):
            with socket.create_server(("127.0.0.1", 0)) as server:
                sock = socket.create_connection(server.getsockname())
                peer, _ = server.accept()
            transport, protocol = await loop.create_connection(recorder, sock=sock)
            peer.send(b"413 too large")
            peer.close()
            transport.write(b"x" * size)
            await protocol.has("lost")
            assert protocol.data == b"413 too large"

    run(main())


def test_an_end_of_output_that_fails_later_is_reported(run, reported, recorder):
    async def main():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(reported)
        left, right = socket.socketpair()
        right.setblocking(False)

        class Closing(recorder):
            def resume_writing(self):
                left.close()

        transport, protocol = await loop.create_unix_connection(Closing, sock=left)
        transport.write(b"x" * 3_000_000)
        transport.write_eof()
        count = 0
        while count < 3_000_000:
            try:
                count += len(right.recv(1_000_000))
            except BlockingIOError:
                await asyncio.sleep(0)
        while not reported:
            await asyncio.sleep(0)
        transport.abort()
        await protocol.has("lost")
        right.close()

    run(main())
    assert all(isinstance(context["exception"], OSError) for context in reported)


def test_writing_nothing_after_close_is_nothing(run, pair, log):
    async def main():
        async with pair() as (left, _):
            left.transport.abort()
            for _ in range(20):
                left.transport.write(b"")
            await left.has("lost")

    run(main())
    assert "raised exception" not in log.text


def test_a_write_from_another_thread_does_not_wait_for_the_loop_to_wake(run, recorder):
    """Nobody may, but many do, and asyncio sends it at once."""

    async def main():
        loop = asyncio.get_running_loop()
        left, right = socket.socketpair()
        transport, protocol = await loop.create_unix_connection(recorder, sock=left)

        def write():
            transport.write(b"x")
            return right.recv(10)

        assert await loop.run_in_executor(None, write) == b"x"
        transport.abort()
        await protocol.has("lost")
        right.close()

    run(main(), debug=False)


def test_write_after_write_eof_is_an_error(run, pair):
    async def main():
        async with pair() as (left, _):
            left.transport.write_eof()
            with pytest.raises(RuntimeError, match=r"^Cannot call write\(\) after write_eof\(\)$"):
                left.transport.write(b"x")

    run(main())


def test_writelines_after_write_eof_is_an_error(run, pair):
    """Since 3.12 writelines has a path of its own, which asks this question too."""

    async def main():
        async with pair() as (left, right):
            left.transport.write_eof()
            with pytest.raises(RuntimeError, match="after write_eof"):
                left.transport.writelines([b"x"])
            await right.has("lost")
            assert right.data == b""

    run(main())


def test_eof_with_a_false_answer_closes(run, pair):
    async def main():
        async with pair() as (left, right):
            left.transport.write_eof()
            await right.has("lost")
            assert right.events == [("made",), ("eof",), ("lost", None)]
            await left.has("lost")
            assert left.events == [("made",), ("eof",), ("lost", None)]

    run(main())


def test_eof_on_both_sides_in_turn(run, pair, recorder):
    class HalfOpen(recorder):
        def eof_received(self):
            super().eof_received()
            return True

    async def main():
        async with pair(HalfOpen, HalfOpen) as (left, right):
            left.transport.write_eof()
            await right.has("eof")
            right.transport.write_eof()
            await left.has("eof")
            left.transport.close()
            right.transport.close()
            await left.has("lost")
            await right.has("lost")
            assert left.events[-1] == right.events[-1] == ("lost", None)

    run(main())


def test_a_reset_by_the_peer_is_an_error_for_the_protocol_only(run, recorder, log):
    """RST (SO_LINGER of zero) arrives as ConnectionResetError in connection_lost; the log stays
    silent."""

    async def main():
        loop = asyncio.get_running_loop()
        accepted = loop.create_future()

        class Server(recorder):
            def connection_made(self, transport):
                super().connection_made(transport)
                accepted.set_result(self)

        server = await loop.create_server(Server, "127.0.0.1", 0)
        client = socket.create_connection(server.sockets[0].getsockname())
        protocol = await accepted
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        await protocol.has("lost")
        assert isinstance(protocol.events[-1][1], ConnectionResetError)
        server.close()
        await server.wait_closed()

    run(main())
    assert not [record for record in log.records if record.levelname == "ERROR"]


def test_writing_to_a_peer_that_is_gone(run, tcp_pair, log):
    async def main():
        async with tcp_pair() as (left, right):
            right.transport.abort()
            left.transport.pause_reading()
            await right.has("lost")
            while "lost" not in left.names:
                left.transport.write(b"x" * 1000)
                await asyncio.sleep(0)
            assert left.events[-1][1] is None or isinstance(
                left.events[-1][1], (BrokenPipeError, ConnectionResetError)
            )

    run(main())
    assert not [record for record in log.records if record.levelname == "ERROR"]


def test_close_in_every_callback(run, pair, recorder):
    class InMade(recorder):
        def connection_made(self, transport):
            super().connection_made(transport)
            transport.write(b"bye")
            transport.close()

    async def main():
        async with pair(server=InMade) as (left, right):
            assert await left.received(3) == b"bye"
            await left.has("lost")
            await right.has("lost")

    run(main())


def test_abort_in_data_received_ends_the_reading(run, pair, recorder):
    class InData(recorder):
        def data_received(self, data):
            super().data_received(data)
            self.transport.abort()

    async def main():
        async with pair(server=InData) as (left, right):
            left.transport.write(b"x" * 1_000_000)
            await right.has("lost")
            assert right.names.count("data") == 1

    run(main())


def test_the_socket_is_closed_when_connection_lost_has_been_called(run, pair):
    async def main():
        async with pair() as (left, _):
            sock = left.transport.get_extra_info("socket")
            assert sock.fileno() >= 0
            left.transport.close()
            await left.has("lost")
            await asyncio.sleep(0)
            assert sock.fileno() == -1

    run(main())


def test_an_unclosed_transport_warns(run, pair):
    import gc

    async def main():
        loop = asyncio.get_running_loop()
        one, two = socket.socketpair()
        one.setblocking(False)
        transport, _ = await loop.create_unix_connection(asyncio.Protocol, sock=one)
        transport.pause_reading()
        two.close()
        await asyncio.sleep(0)
        with pytest.warns(ResourceWarning, match="unclosed transport"):
            del transport, _
            gc.collect()

    run(main())


def test_a_loop_closed_over_open_transports_leaks_nothing(loop, recorder):
    import warnings

    one, two = socket.socketpair()
    one.setblocking(False)

    async def main():
        transport, protocol = await loop.create_unix_connection(recorder, sock=one)
        transport.write(b"x")
        return transport

    transport = loop.run_until_complete(main())
    assert two.recv(1) == b"x"
    loop.close()
    two.close()
    assert "made" in transport.get_protocol().names
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        del transport
