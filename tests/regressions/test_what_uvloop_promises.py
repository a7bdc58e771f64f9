"""What uvloop's own test suite found in ferrio. Where asyncio does otherwise the test says so, and skips it."""

import asyncio
import contextvars
import os
import socket
import ssl
import threading
import time

import pytest


@pytest.fixture
def beyond_asyncio(flavour):
    if flavour.name == "asyncio":
        pytest.skip("a difference: docs/differences.md, for programs that come from uvloop")


class Lasting(asyncio.Protocol):
    def __init__(self):
        self.lost = asyncio.get_running_loop().create_future()
        self.seen = []

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.seen.append(data)

    def connection_lost(self, exc):
        self.lost.set_result(exc)


def test_a_slow_timer_is_shown_as_one(loop, log):
    """Shown as a Handle, without its deadline."""
    loop.set_debug(True)
    loop.slow_callback_duration = 0.01
    loop.call_later(0.001, time.sleep, 0.02)
    loop.run_until_complete(asyncio.sleep(0.005))
    warnings = [record.getMessage() for record in log.records if "Executing <Timer" in record.getMessage()]
    assert any("<TimerHandle when=" in text for text in warnings)


ODD_ADDRESSES = [
    ("127.0.0.1", 80, 1231231231213),
    ("127.0.0.1", 80, 0),
    ("127.0.0.1", 80, 0, 0),
    ("::1", 80, 1 << 20),
    ("::1", 80, (1 << 32) + 5),
]


@pytest.mark.parametrize("address", ODD_ADDRESSES, ids=str)
def test_odd_addresses_are_answered_as_by_the_socket_module(run, address):
    """A longer tuple with an IPv4 address was taken; flow labels had errors of their own."""

    def outcome_of(call):
        try:
            return call()
        except Exception as exc:
            return type(exc), exc.args

    async def main():
        return await asyncio.get_running_loop().getnameinfo(address, socket.NI_NUMERICHOST)

    theirs = outcome_of(lambda: socket.getnameinfo(address, socket.NI_NUMERICHOST))
    assert outcome_of(lambda: run(main())) == theirs


def test_a_pipe_for_writing_cannot_pause_reading(run):
    """AttributeError."""

    async def main():
        reading, writing = os.pipe()
        with os.fdopen(reading, "rb"), os.fdopen(writing, "wb", 0) as pipe:
            transport, _ = await asyncio.get_running_loop().connect_write_pipe(asyncio.Protocol, pipe)
            for method in (transport.pause_reading, transport.resume_reading, transport.is_reading):
                with pytest.raises(NotImplementedError):
                    method()
            transport.close()
            await asyncio.sleep(0)

    run(main())


@pytest.mark.parametrize("into", [False, True], ids=["recv", "recv_into"])
def test_a_socket_closes_when_the_call_that_waits_is_over(run, beyond_asyncio, ends, into):
    """The call never ended. asyncio's does not either."""
    ours, theirs = ends

    async def main():
        loop = asyncio.get_running_loop()
        room = bytearray(10)
        call = loop.sock_recv_into(ours, room) if into else loop.sock_recv(ours, 10)
        waiting = asyncio.create_task(call)
        await asyncio.sleep(0.01)
        ours.close()
        assert ours.fileno() >= 0
        await loop.sock_sendall(theirs, b"late")
        assert await asyncio.wait_for(waiting, 10) == (4 if into else b"late")
        assert ours.fileno() == -1

    run(main())


def test_a_cancelled_call_lets_its_socket_close(run, ends):
    ours, theirs = ends

    async def main():
        loop = asyncio.get_running_loop()
        waiting = asyncio.create_task(loop.sock_recv(ours, 10))
        await asyncio.sleep(0.01)
        ours.close()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert ours.fileno() == -1
        assert await loop.sock_recv(theirs, 10) == b""

    run(main())


def test_two_calls_and_an_open_socket(run, ends):
    """What holds it open is counted: it stays open for the program, and closes at once when no call waits."""
    ours, theirs = ends

    async def main():
        loop = asyncio.get_running_loop()
        for _ in range(2):
            waiting = asyncio.create_task(loop.sock_recv(ours, 10))
            await asyncio.sleep(0)
            await loop.sock_sendall(theirs, b"x")
            assert await waiting == b"x"
        assert ours.fileno() >= 0
        ours.close()
        assert ours.fileno() == -1

    run(main())


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_a_closed_loop_lets_go_of_sockets(loop, beyond_asyncio, ends, log):
    ours, _ = ends

    async def main():
        task = asyncio.create_task(asyncio.get_running_loop().sock_recv(ours, 10))
        await asyncio.sleep(0.01)
        return task

    task = loop.run_until_complete(main())
    ours.close()
    assert ours.fileno() >= 0
    loop.close()
    assert ours.fileno() == -1
    assert not task.done()


def test_pause_writing_runs_in_the_connections_context(run, beyond_asyncio, ends):
    """It ran in the context of whoever wrote, as in asyncio."""
    ours, theirs = ends
    variable = contextvars.ContextVar("variable")

    class Protocol(Lasting):
        def pause_writing(self):
            self.seen.append(variable.get())

        resume_writing = pause_writing

    async def main():
        variable.set("connection's")
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_connection(Protocol, sock=ours)
        variable.set("writer's")
        transport.write(bytes(1 << 20))
        received = 0
        while received < 1 << 20:
            received += len(await loop.sock_recv(theirs, 1 << 20))
        transport.close()
        await protocol.lost
        assert protocol.seen == ["connection's"] * 2

    run(main())


def test_pause_writing_out_of_the_connections_own_callback(run, ends):
    """Its context is entered already then, and what the callback has set is seen."""
    ours, theirs = ends
    variable = contextvars.ContextVar("variable")

    class Protocol(Lasting):
        def data_received(self, data):
            variable.set("callback's")
            self.transport.write(bytes(1 << 20))

        def pause_writing(self):
            self.seen.append(variable.get())
            self.transport.abort()

    async def main():
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_connection(Protocol, sock=ours)
        theirs.send(b"go")
        await protocol.lost
        assert protocol.seen == ["callback's"]

    run(main())


class Buffered(asyncio.BaseProtocol):
    """A buffered protocol only by its methods."""

    def __init__(self):
        self.lost = asyncio.get_running_loop().create_future()
        self.room = bytearray(5)
        self.seen = b""

    def get_buffer(self, sizehint):
        return memoryview(self.room)

    def buffer_updated(self, nbytes):
        self.seen += self.room[:nbytes]

    def eof_received(self):
        pass

    def connection_lost(self, exc):
        self.lost.set_result(exc)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_protocol_that_has_the_methods_is_buffered(run, beyond_asyncio, server_context, client_context, tls):
    """AttributeError for the missing data_received, as in asyncio."""

    async def greet(reader, writer):
        writer.write(b"hello, world")
        writer.close()

    async def main():
        loop = asyncio.get_running_loop()
        server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=server_context if tls else None)
        async with server:
            port = server.sockets[0].getsockname()[1]
            options = {"ssl": client_context} if tls else {}
            transport, protocol = await loop.create_connection(Buffered, "localhost", port, **options)
            assert await protocol.lost is None
            assert protocol.seen == b"hello, world"

    run(main())


def test_an_answer_to_a_nameless_peer(run, beyond_asyncio):
    """The endpoint ended with a TypeError, as in asyncio."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)

    async def main():
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, sock=ours)
        transport.sendto(b"answer")
        theirs.settimeout(10)
        assert theirs.recv(100) == b"answer"
        transport.close()
        await asyncio.sleep(0)

    with ours, theirs:
        run(main())


class TlsByHand:
    """The server's side of one connection, which sends each record when it is told to."""

    def __init__(self, context):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)

    def __enter__(self):
        self.listener.settimeout(10)
        return self

    def __exit__(self, *_):
        self.listener.close()

    def serve(self, story):
        self.socket, _ = self.listener.accept()
        with self.socket:
            self.socket.settimeout(10)
            self.until(self.tls.do_handshake)
            return story(self)

    def until(self, call, *args):
        """The call's result, with all it wants to read and write."""
        while True:
            try:
                result = call(*args)
            except ssl.SSLWantReadError:
                self.flush()
                self.incoming.write(self.socket.recv(1 << 16))
            else:
                self.flush()
                return result

    def flush(self):
        if self.outgoing.pending:
            self.socket.sendall(self.outgoing.read())


@pytest.mark.parametrize("paused", [False, True], ids=["reading", "paused"])
def test_no_data_after_a_tls_transport_is_closed(run, beyond_asyncio, server_context, client_context, paused):
    """Handed on, or, while reading was paused, SSLError: application data after close notify. asyncio, bpo-39951."""
    closing = threading.Event()

    def story(server):
        server.until(server.tls.write, b"before")
        assert server.until(server.tls.read, 3) == b"got"
        assert closing.wait(10)
        server.until(server.tls.write, b"after")
        assert server.until(server.tls.read, 10) == b""
        server.until(server.tls.unwrap)
        return server.socket.recv(10)

    class Protocol(Lasting):
        def data_received(self, data):
            super().data_received(data)
            self.transport.write(b"got")
            if paused:
                self.transport.pause_reading()
            self.transport.close()
            closing.set()

    async def main():
        loop = asyncio.get_running_loop()
        with TlsByHand(server_context) as server:
            served = loop.run_in_executor(None, server.serve, story)
            _, protocol = await loop.create_connection(Protocol, "localhost", server.port, ssl=client_context)
            assert await protocol.lost is None
            assert protocol.seen == [b"before"]
            assert await served == b""

    run(main())


def test_the_peers_last_words_are_received(run, server_context, client_context):
    """What came before the other side's end is handed on, also after a pause: only one's own close() discards."""

    def story(server):
        server.until(server.tls.write, b"last words")
        server.socket.shutdown(socket.SHUT_WR)
        while server.socket.recv(1 << 16):
            pass

    class Protocol(Lasting):
        def connection_made(self, transport):
            super().connection_made(transport)
            transport.pause_reading()

    async def main():
        loop = asyncio.get_running_loop()
        with TlsByHand(server_context) as server:
            served = loop.run_in_executor(None, server.serve, story)
            transport, protocol = await loop.create_connection(
                Protocol, "localhost", server.port, ssl=client_context
            )
            await asyncio.sleep(0.05)
            transport.resume_reading()
            await protocol.lost
            assert protocol.seen == [b"last words"]
            await served

    run(main())


def test_tls_callbacks_run_in_the_connections_context(run, beyond_asyncio, server_context, client_context):
    """After resume_reading, and for pause_writing, they ran in the caller's, as in asyncio."""
    variable = contextvars.ContextVar("variable")

    def story(server):
        server.until(server.tls.write, b"hello")
        while server.until(server.tls.read, 1 << 14):
            pass
        server.until(server.tls.unwrap)

    class Protocol(Lasting):
        def connection_made(self, transport):
            super().connection_made(transport)
            self.begun = variable.get()
            transport.pause_reading()

        def data_received(self, data):
            self.seen.append(("data", variable.get()))

        def pause_writing(self):
            self.seen.append(("pause", variable.get()))

        def resume_writing(self):
            self.seen.append(("resume", variable.get()))

    async def main():
        variable.set("connection's")
        loop = asyncio.get_running_loop()
        with TlsByHand(server_context) as server:
            served = loop.run_in_executor(None, server.serve, story)
            transport, protocol = await loop.create_connection(
                Protocol, "localhost", server.port, ssl=client_context
            )
            variable.set("caller's")
            transport.set_write_buffer_limits(high=1 << 16)
            while not transport.get_write_buffer_size():
                transport.write(bytes(1 << 17))
            transport.resume_reading()
            while len(protocol.seen) < 3:
                assert not served.done(), served.result()
                await asyncio.sleep(0.001)
            transport.close()
            await protocol.lost
            await served
            assert sorted(protocol.seen) == [
                (name, "connection's") for name in ("data", "pause", "resume")
            ]

    run(main())


def test_who_starts_tls_has_the_transport_before_the_data(run, beyond_asyncio, server_context, client_context):
    """The data came first, as in asyncio, and was answered in plain text."""
    order = []

    def talk(port):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = client_context.wrap_bio(incoming, outgoing, server_hostname="localhost")
        with socket.create_connection(("127.0.0.1", port), 10) as sock:
            while True:
                try:
                    tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    sock.sendall(outgoing.read())
                    incoming.write(sock.recv(1 << 16))
            # In one piece with the end of the handshake.
            tls.write(b"hello")
            sock.sendall(outgoing.read())
            while sock.recv(1 << 16):
                pass

    class Protocol(asyncio.Protocol):
        def connection_made(self, transport):
            self.task = asyncio.get_running_loop().create_task(self.upgrade(transport))

        async def upgrade(self, transport):
            self.transport = await asyncio.get_running_loop().start_tls(
                transport, self, server_context, server_side=True
            )
            order.append("transport")

        def data_received(self, data):
            order.append(data)
            self.transport.abort()

    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Protocol, "127.0.0.1", 0)
        async with server:
            await loop.run_in_executor(None, talk, server.sockets[0].getsockname()[1])
        assert order == ["transport", b"hello"]

    run(main())
