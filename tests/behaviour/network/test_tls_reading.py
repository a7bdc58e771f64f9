"""What arrives over TLS: records of all sizes, many in one segment, the end right behind them, and readers that want little."""

import asyncio
import pathlib
import ssl

import pytest

CERTIFICATE = pathlib.Path(__file__).with_name("localhost.pem")
#: Plain text of one record.
RECORD = 16 * 1024


@pytest.fixture
def connected(run):
    """`connected(main, receiver)`: runs `await main(transport of the server, receiver)` over a connection whose client is the
    protocol `receiver`."""

    def connected(main, receiver):
        async def running():
            loop = asyncio.get_running_loop()
            arrived = loop.create_future()

            class Sender(asyncio.Protocol):
                def connection_made(self, transport):
                    arrived.set_result(transport)

            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE)
            server = await loop.create_server(Sender, "127.0.0.1", 0, ssl=context)
            async with server:
                port = server.sockets[0].getsockname()[1]
                trusting = ssl.create_default_context(cafile=CERTIFICATE)
                transport, _ = await loop.create_connection(
                    lambda: receiver, "127.0.0.1", port, ssl=trusting, server_hostname="localhost"
                )
                sender = await arrived
                await main(sender, receiver)
                sender.close()
                transport.close()
                await receiver.lost

        run(running())

    return connected


class Receiver(asyncio.Protocol):
    def __init__(self):
        self.data = bytearray()
        self.calls = 0
        self.ended = False

    def connection_made(self, transport):
        self.transport = transport
        self.lost = asyncio.get_running_loop().create_future()

    def data_received(self, data):
        assert type(data) is bytes and data and not self.ended
        self.data += data
        self.calls += 1

    def eof_received(self):
        self.ended = True

    def connection_lost(self, exc):
        assert exc is None
        self.lost.set_result(None)


class BufferedReceiver(Receiver, asyncio.BufferedProtocol):
    """Offers so many bytes of room at once, as a bytearray or a view of one."""

    data_received = None

    def __init__(self, room, kind):
        super().__init__()
        self.room, self.kind = room, kind

    def get_buffer(self, hint):
        self.buffer = bytearray(self.room)
        return self.kind(self.buffer)

    def buffer_updated(self, count):
        assert 0 < count <= self.room
        Receiver.data_received(self, bytes(self.buffer[:count]))


def receivers():
    buffered = [(room, lambda room=room: BufferedReceiver(room, memoryview)) for room in (1000, RECORD, 100_000)]
    return [pytest.param(Receiver, id="protocol"), *(pytest.param(make, id=f"buffered-{room}") for room, make in buffered)]


async def until(condition):
    while not condition():
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("make", receivers())
@pytest.mark.parametrize("size", [1, 1000, RECORD - 1, RECORD, RECORD + 1, 3 * RECORD, 100_000])
def test_messages_of_all_sizes(connected, make, size):
    async def main(sender, receiver):
        expected = b""
        for number in range(5):
            message = bytes([number]) * size
            sender.write(message)
            expected += message
            await until(lambda: len(receiver.data) == len(expected))  # noqa: B023
        assert receiver.data == expected

    connected(main, make())


@pytest.mark.parametrize("make", receivers())
@pytest.mark.parametrize("sizes", [[1] * 300, [RECORD] * 20, [10, RECORD, 10, 5 * RECORD, 1], [700_000]])
def test_the_end_right_behind_the_last_byte(connected, make, sizes):
    async def main(sender, receiver):
        expected = b""
        for number, size in enumerate(sizes):
            message = bytes([number % 256]) * size
            sender.write(message)
            expected += message
        sender.close()
        await until(lambda: receiver.ended)
        assert receiver.data == expected

    connected(main, make())


def test_one_record_is_one_call(connected):
    async def main(sender, receiver):
        sender.write(bytes(RECORD))
        await until(lambda: len(receiver.data) == RECORD)
        assert receiver.calls == 1

    connected(main, Receiver())


@pytest.mark.parametrize("make", receivers())
def test_a_pause_while_much_is_on_its_way(connected, make):
    async def main(sender, receiver):
        data = bytes(range(256)) * 4000
        sender.write(data)
        for _ in range(5):
            before = len(receiver.data)
            await until(lambda: len(receiver.data) > before or len(receiver.data) == len(data))  # noqa: B023
            receiver.transport.pause_reading()
            await asyncio.sleep(0.002)
            paused = len(receiver.data)
            await asyncio.sleep(0.002)
            assert len(receiver.data) == paused
            receiver.transport.resume_reading()
        await until(lambda: len(receiver.data) == len(data))
        assert receiver.data == data

    connected(main, make())


@pytest.mark.parametrize("room", [100, RECORD])
def test_a_bytearray_as_room(flavour, connected, room):
    if flavour.name == "asyncio":
        pytest.skip("asyncio reads into copies of its slices")

    async def main(sender, receiver):
        data = bytes(range(256)) * 300
        sender.write(data)
        await until(lambda: len(receiver.data) == len(data))
        assert receiver.data == data

    connected(main, BufferedReceiver(room, lambda buffer: buffer))
