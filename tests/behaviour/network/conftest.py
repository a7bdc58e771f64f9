"""Two connected transports, and protocols that write down what they are told."""

import asyncio
import contextlib
import random
import socket
import sys

import pytest

class _Notes:
    """What a protocol was told, in order, and futures to wait for it."""

    def __init__(self):
        self.events = []
        self.data = bytearray()
        self.transport = None
        self._changed = asyncio.Event()

    def _note(self, event, *details):
        self.events.append((event, *details))
        self._changed.set()

    async def until(self, condition):
        """Wait until condition(self) holds; the watchdog ends what never comes true."""
        while not condition(self):
            self._changed.clear()
            await self._changed.wait()
        return self

    async def has(self, event):
        return await self.until(lambda self: event in self.names)

    async def received(self, count):
        await self.until(lambda self: len(self.data) >= count)
        return bytes(self.data)

    @property
    def names(self):
        return [event[0] for event in self.events]

    def connection_made(self, transport):
        self.transport = transport
        self._note("made")

    def connection_lost(self, exc):
        self._note("lost", exc)

    def pause_writing(self):
        self._note("pause")

    def resume_writing(self):
        self._note("resume")

    def eof_received(self):
        self._note("eof")


class Recorder(_Notes, asyncio.Protocol):
    def data_received(self, data):
        assert type(data) is bytes
        assert data
        self.data += data
        self._note("data", len(data))


class BufferedRecorder(_Notes, asyncio.BufferedProtocol):
    size = 4096

    def get_buffer(self, hint):
        self.buffer = bytearray(self.size)
        return self.buffer

    def buffer_updated(self, count):
        assert count > 0
        self.data += self.buffer[:count]
        self._note("data", count)


@pytest.fixture
def recorder():
    """A Protocol class that records."""
    return Recorder


@pytest.fixture
def buffered_recorder():
    """A BufferedProtocol class that records."""
    return BufferedRecorder


@pytest.fixture(params=[Recorder, BufferedRecorder], ids=["protocol", "buffered"])
def any_recorder(request):
    """Both kinds of recording protocol, one after the other."""
    return request.param


def tcp_listener():
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", 0))
    sock.listen(100)
    sock.setblocking(False)
    return sock


@contextlib.asynccontextmanager
async def _tcp(client, server):
    loop = asyncio.get_running_loop()
    accepted = loop.create_future()

    def factory():
        protocol = server()
        accepted.set_result(protocol)
        return protocol

    listening = await loop.create_server(factory, "127.0.0.1", 0)
    host, port = listening.sockets[0].getsockname()
    _, left = await loop.create_connection(client, host, port)
    right = await accepted
    await right.has("made")
    listening.close()
    async with _closing(left, right):
        yield left, right
    await listening.wait_closed()


@contextlib.asynccontextmanager
async def _unix(client, server):
    loop = asyncio.get_running_loop()
    one, two = socket.socketpair()
    one.setblocking(False)
    two.setblocking(False)
    _, left = await loop.create_unix_connection(client, sock=one)
    _, right = await loop.connect_accepted_socket(server, two)
    async with _closing(left, right):
        yield left, right


@contextlib.asynccontextmanager
async def _closing(*protocols):
    try:
        yield
    finally:
        for protocol in protocols:
            if "lost" not in protocol.names:
                protocol.transport.abort()
        for protocol in protocols:
            await protocol.has("lost")


_KINDS = {"tcp": _tcp, "unix": _unix}


@pytest.fixture(params=_KINDS)
def pair(request):
    """``async with pair(client, server) as (left, right)``: two connected protocols, over TCP and
    over AF_UNIX."""

    def pair(client=Recorder, server=Recorder):
        return _KINDS[request.param](client, server)

    pair.kind = request.param
    return pair


@pytest.fixture
def tcp_pair():
    """The same over TCP only."""
    return lambda client=Recorder, server=Recorder: _tcp(client, server)


@pytest.fixture
def listener():
    """A bound, listening, non-blocking TCP socket on 127.0.0.1."""
    sock = tcp_listener()
    yield sock
    sock.close()


class DatagramRecorder(_Notes, asyncio.DatagramProtocol):
    async def has(self, event, count=1):
        await self.until(lambda self: self.names.count(event) >= count)

    @property
    def datagrams(self):
        """Each with the address of its sender."""
        return [event[1:3] for event in self.events if event[0] == "datagram"]

    @property
    def received_data(self):
        return [data for data, _ in self.datagrams]

    def datagram_received(self, data, addr):
        self._note("datagram", data, addr)

    def error_received(self, exc):
        self._note("error", exc)


class DatagramEcho(DatagramRecorder):
    def datagram_received(self, data, addr):
        super().datagram_received(data, addr)
        self.transport.sendto(data, addr)


class _Datagrams:
    """Endpoints and what tests do with them."""

    Recorder = DatagramRecorder
    Echo = DatagramEcho
    LOCAL = ("127.0.0.1", 0)
    #: Older versions of asyncio swallow empty datagrams, and do not count headers.
    sends_empty = sys.version_info >= (3, 13)

    @staticmethod
    async def endpoint(protocol=DatagramRecorder, local_addr=LOCAL, **kwargs):
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_datagram_endpoint(protocol, local_addr, **kwargs)
        return protocol

    @staticmethod
    def name(protocol):
        return protocol.transport.get_extra_info("sockname")

    @staticmethod
    async def close(*protocols):
        for protocol in protocols:
            protocol.transport.abort()
        for protocol in protocols:
            await protocol.has("lost")


@pytest.fixture
def udp():
    """Datagram endpoints and recording protocols for them."""
    return _Datagrams


@pytest.fixture(scope="session")
def big():
    """20 MB, more than any socket buffers; no part of it looks like another."""
    return random.Random(1).randbytes(20_000_000)


@pytest.fixture(scope="session")
def small(big):
    """5000 bytes."""
    return big[:5000]


@pytest.fixture
def file_of(tmp_path):
    """Open a new file with the given content for reading."""
    files = []

    def file_of(content):
        path = tmp_path / str(len(files))
        path.write_bytes(content)
        files.append(path.open("rb"))
        return files[-1]

    yield file_of
    for file in files:
        file.close()


@pytest.fixture(
    params=[(0, None), (1000, None), (1000, 2000), (0, 5), (4990, 100), (5000, None), (6000, 10)]
)
def part(request, small):
    """`(offset, count, content)`: a range of `small` as `sendfile` takes it, and what is in it."""
    offset, count = request.param
    return offset, count, small[offset:][:count]
