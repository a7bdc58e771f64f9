"""KeyboardInterrupt and SystemExit leave the loop from a callback of a protocol; the next run goes on where this one was."""

import asyncio
import os
import socket

import pytest

pytestmark = pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])


def interrupting(base, name, interrupt):
    """A recording protocol whose callback of that name raises the first time."""

    class Interrupting(base):
        interrupted = False

        def _note(self, event, *details):
            super()._note(event, *details)
            if event == name and not self.interrupted:
                self.interrupted = True
                raise interrupt

    return Interrupting


def run_through(loop, coro, interrupt):
    """The result of a coroutine, whose run is interrupted once."""
    task = loop.create_task(coro)
    with pytest.raises(interrupt):
        loop.run_until_complete(task)
    assert not task.done()
    return loop.run_until_complete(task)


@pytest.mark.parametrize("side", ["client", "server"])
def test_connection_made_of_a_stream(loop, recorder, side, interrupt):
    made = loop.create_future()

    def server_side():
        protocol = (interrupting(recorder, "made", interrupt) if side == "server" else recorder)()
        made.set_result(protocol)
        return protocol

    async def connect():
        server = await loop.create_server(server_side, "127.0.0.1", 0)
        client_side = interrupting(recorder, "made", interrupt) if side == "client" else recorder
        transport, client = await loop.create_connection(client_side, *server.sockets[0].getsockname())
        accepted = await made
        await accepted.has("made")
        transport.write(b"hello")
        await accepted.received(5)
        accepted.transport.write(b"hello yourself")
        await client.received(14)
        for protocol in (client, accepted):
            protocol.transport.abort()
            await protocol.has("lost")
        server.close()

    run_through(loop, connect(), interrupt)


def test_connection_made_of_datagrams(loop, udp, interrupt):
    async def main():
        server = await udp.endpoint(interrupting(udp.Echo, "made", interrupt))
        client = await udp.endpoint(remote_addr=udp.name(server))
        client.transport.sendto(b"hello")
        await client.has("datagram")
        await udp.close(server, client)

    run_through(loop, main(), interrupt)


@pytest.mark.parametrize("end", ["read", "write"])
def test_connection_made_of_a_pipe(loop, recorder, end, interrupt):
    async def main():
        read, write = os.pipe()
        reading, writing = os.fdopen(read, "rb", 0), os.fdopen(write, "wb", 0)
        protocol = interrupting(recorder, "made", interrupt)
        if end == "read":
            transport, protocol = await loop.connect_read_pipe(protocol, reading)
            writing.write(b"hello")
            await protocol.received(5)
        else:
            transport, protocol = await loop.connect_write_pipe(protocol, writing)
            transport.write(b"hello")
            assert await loop.run_in_executor(None, reading.read, 5) == b"hello"
        transport.close()
        await protocol.has("lost")
        reading.close()
        writing.close()

    run_through(loop, main(), interrupt)


def test_eof_received_of_a_pipe(loop, recorder, interrupt):
    async def main():
        read, write = os.pipe()
        _, protocol = await loop.connect_read_pipe(interrupting(recorder, "eof", interrupt), os.fdopen(read, "rb", 0))
        os.close(write)
        await protocol.has("lost")
        assert protocol.names == ["made", "eof", "lost"]

    run_through(loop, main(), interrupt)


@pytest.mark.parametrize("closing", [False, True])
def test_resume_writing_of_a_pipe(flavour, loop, recorder, closing, interrupt):
    if closing and flavour.name == "asyncio":
        pytest.skip("asyncio's never calls connection_lost then")

    async def main():
        read, write = os.pipe()
        os.set_blocking(read, False)
        transport, protocol = await loop.connect_write_pipe(
            interrupting(recorder, "resume", interrupt), os.fdopen(write, "wb", 0)
        )
        transport.write(b"x" * 500_000)
        if closing:
            transport.close()
        count = 0
        while count < 500_000:
            try:
                count += len(os.read(read, 65536))
            except BlockingIOError:
                await asyncio.sleep(0)
        await protocol.has("resume")
        if not closing:
            transport.close()
        await protocol.has("lost")
        os.close(read)

    run_through(loop, main(), interrupt)


def test_resume_writing_of_a_stream(flavour, loop, recorder, interrupt):
    if flavour.name == "asyncio":
        pytest.skip("asyncio's goes on to write nothing, again and again")

    async def main():
        left, right = socket.socketpair()
        right.setblocking(False)
        transport, protocol = await loop.create_unix_connection(interrupting(recorder, "resume", interrupt), sock=left)
        transport.write(b"x" * 5_000_000)
        count = 0
        while count < 5_000_000:
            try:
                count += len(right.recv(65536))
            except BlockingIOError:
                await asyncio.sleep(0)
        await protocol.has("resume")
        transport.write(b"more")
        assert await loop.sock_recv(right, 10) == b"more"
        transport.abort()
        await protocol.has("lost")
        right.close()

    run_through(loop, main(), interrupt)
