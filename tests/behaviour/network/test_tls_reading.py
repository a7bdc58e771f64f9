"""What arrives over TLS: records of all sizes, many in one segment, the end right behind them, and readers that want little."""

import asyncio
import contextlib
import socket
import ssl

import pytest

#: Plain text of one record.
RECORD = 16 * 1024


@pytest.fixture
def connected(run, server_context, client_context):
    """`connected(main, receiver)`: runs `await main(transport of the server, receiver)` over a connection whose client is the
    protocol `receiver`."""

    def connected(main, receiver):
        async def running():
            loop = asyncio.get_running_loop()
            arrived = loop.create_future()

            class Sender(asyncio.Protocol):
                def connection_made(self, transport):
                    arrived.set_result(transport)

            server = await loop.create_server(Sender, "127.0.0.1", 0, ssl=server_context)
            async with server:
                port = server.sockets[0].getsockname()[1]
                await loop.create_connection(
                    lambda: receiver, "127.0.0.1", port, ssl=client_context, server_hostname="localhost"
                )
                sender = await arrived
                await main(sender, receiver)
                sender.close()
                receiver.transport.close()
                await receiver.has("lost")
                assert ("lost", None) in receiver.events

        run(running())

    return connected


@pytest.fixture
def offering(buffered_recorder):
    """`offering(room, kind)`: a buffered protocol that offers so many bytes at once, as a bytearray or a view of one."""

    def offering(room, kind):
        class Offering(buffered_recorder):
            size = room

            def get_buffer(self, hint):
                return kind(super().get_buffer(hint))

            def buffer_updated(self, count):
                assert count <= room
                super().buffer_updated(count)

        return Offering()

    return offering


@pytest.fixture(params=[None, 1000, RECORD, 100_000], ids=lambda room: f"buffered-{room}" if room else "protocol")
def receiver(request, recorder, offering):
    return offering(request.param, memoryview) if request.param else recorder()


@pytest.mark.parametrize("size", [1, 1000, RECORD - 1, RECORD, RECORD + 1, 3 * RECORD, 100_000])
def test_messages_of_all_sizes(connected, receiver, size):
    async def main(sender, receiver):
        expected = b""
        for number in range(5):
            message = bytes([number]) * size
            sender.write(message)
            expected += message
            assert await receiver.received(len(expected)) == expected

    connected(main, receiver)


@pytest.mark.parametrize("sizes", [[1] * 300, [RECORD] * 20, [10, RECORD, 10, 5 * RECORD, 1], [700_000]])
def test_the_end_right_behind_the_last_byte(connected, receiver, sizes):
    async def main(sender, receiver):
        expected = b""
        for number, size in enumerate(sizes):
            message = bytes([number % 256]) * size
            sender.write(message)
            expected += message
        sender.close()
        await receiver.has("eof")
        assert receiver.data == expected
        assert "data" not in receiver.names[receiver.names.index("eof") :]

    connected(main, receiver)


def send_and_end(port, client_context, data, ends):
    """What a blocking client does: a handshake, `data`, and without a pause close_notify, the end of its output, or both."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = client_context.wrap_bio(incoming, outgoing, server_hostname="localhost")
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                sock.sendall(outgoing.read())
                incoming.write(sock.recv(65536))
        tls.write(data)
        if "close_notify" in ends:
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.unwrap()
        sock.sendall(outgoing.read())
        if "eof" in ends:
            sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass


@pytest.mark.parametrize("ends", ["eof", "close_notify", "close_notify, eof"])
@pytest.mark.parametrize("room", [100, 4096, 200_000])
def test_an_end_right_behind_more_than_there_is_room_for(
    flavour, run, offering, server_context, client_context, room, ends
):
    if flavour.name == "asyncio":
        pytest.skip("asyncio's loses all but one buffer of what has come with the end")

    async def main():
        loop = asyncio.get_running_loop()
        receiver = offering(room, memoryview)
        data = bytes(range(256)) * 400
        async with await loop.create_server(lambda: receiver, "127.0.0.1", 0, ssl=server_context) as server:
            port = server.sockets[0].getsockname()[1]
            await loop.run_in_executor(None, send_and_end, port, client_context, data, ends)
            await receiver.has("lost")
        assert bytes(receiver.data) == data
        assert "data" not in receiver.names[receiver.names.index("eof") :]

    run(main())


def test_one_record_is_one_call(connected, recorder):
    async def main(sender, receiver):
        sender.write(bytes(RECORD))
        await receiver.received(RECORD)
        assert receiver.names.count("data") == 1

    connected(main, recorder())


def test_a_pause_while_much_is_on_its_way(connected, receiver):
    async def main(sender, receiver):
        data = bytes(range(256)) * 4000
        sender.write(data)
        for _ in range(5):
            await receiver.received(min(len(receiver.data) + 1, len(data)))
            receiver.transport.pause_reading()
            await asyncio.sleep(0.002)
            paused = len(receiver.data)
            await asyncio.sleep(0.002)
            assert len(receiver.data) == paused
            receiver.transport.resume_reading()
        assert await receiver.received(len(data)) == data

    connected(main, receiver)


@pytest.mark.parametrize("room", [100, RECORD])
def test_a_bytearray_as_room(flavour, connected, offering, room):
    if flavour.name == "asyncio":
        pytest.skip("asyncio reads into copies of its slices")

    async def main(sender, receiver):
        data = bytes(range(256)) * 300
        sender.write(data)
        assert await receiver.received(len(data)) == data

    connected(main, offering(room, lambda buffer: buffer))
