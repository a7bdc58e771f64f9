"""A connection's callbacks run in the connection's own context, whoever pauses, resumes, writes or closes it from which
context (gh-140947: a request's variables were seen by the next one)."""

import asyncio
import contextvars
import sys

import pytest

who = contextvars.ContextVar("who", default="nobody")


class Notes(asyncio.Protocol):
    """Notes each callback with what it sees; `server` tells whose it is."""

    def __init__(self, notes):
        loop = asyncio.get_running_loop()
        self.notes, self.data, self.lost, self.resumed = notes, 0, loop.create_future(), loop.create_future()

    def note(self, what):
        self.notes.append((what, who.get()))

    def connection_made(self, transport):
        self.transport = transport
        self.note("made")

    def data_received(self, data):
        self.data += len(data)
        self.note("data")

    def eof_received(self):
        self.note("eof")

    def pause_writing(self):
        self.note("pause")

    def resume_writing(self):
        self.note("resume")
        self.resumed.done() or self.resumed.set_result(None)

    def connection_lost(self, exc):
        self.note("lost")
        self.lost.set_result(None)


@pytest.mark.parametrize("tls", [False, True])
def test_of_a_server(flavour, run, server_context, client_context, tls):
    if flavour.name == "asyncio" and sys.version_info < (3, 15):
        pytest.skip("leaks until 3.15")
    server_side, client_side = (server_context, client_context) if tls else (None, None)
    notes = []

    async def as_somebody(function, *args):
        who.set("somebody")
        function(*args)

    async def main():
        protocols = []

        def factory():
            protocols.append(Notes(notes))
            return protocols[-1]

        loop = asyncio.get_running_loop()
        server = await loop.create_server(factory, "127.0.0.1", 0, ssl=server_side)
        name = {"server_hostname": "localhost"} if tls else {}
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname(), ssl=client_side, **name)
        writer.write(b"a" * 100)
        while not protocols or protocols[0].data < 100:
            await asyncio.sleep(0.001)
        [protocol] = protocols
        for function in protocol.transport.pause_reading, protocol.transport.resume_reading:
            await asyncio.create_task(as_somebody(function))
        writer.write(b"b" * 100)
        while protocol.data < 200:
            await asyncio.sleep(0.001)
        writer.transport.pause_reading()
        await asyncio.create_task(as_somebody(protocol.transport.write, bytes(20_000_000)))
        await asyncio.sleep(0.01)
        writer.transport.resume_reading()
        await reader.readexactly(20_000_000)
        await (protocol.resumed if not tls else asyncio.sleep(0))
        await asyncio.create_task(as_somebody(protocol.transport.close))
        await protocol.lost
        writer.close()
        server.close()

    run(main())
    # pause_writing is a part of the write call; whether a TLS connection says eof or resume depends on its records.
    seen = {what: context for what, context in notes if what != "pause"}
    assert {"made", "data", "lost"} <= set(seen)
    assert set(seen.values()) == {"nobody"}
