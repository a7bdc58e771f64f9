"""`StreamWriter`: what it passes on, and when `drain` waits."""

import asyncio
import gc
import warnings

import pytest


@pytest.fixture
def protocol(lib, loop, reader, transport):
    protocol = lib.StreamReaderProtocol(reader, loop=loop)
    protocol.connection_made(transport)
    return protocol


@pytest.fixture
def writer(lib, loop, reader, transport, protocol):
    writer = lib.StreamWriter(transport, protocol, reader, loop)
    yield writer
    transport.closing = True


def test_it_passes_on(writer, transport):
    writer.write(b"one")
    writer.writelines([b"two", b"three"])
    assert transport.calls == [("write", b"one"), ("writelines", [b"two", b"three"])]
    assert writer.transport is transport and writer.get_extra_info("x", 3) == 3
    assert not writer.is_closing()
    writer.close()
    assert writer.is_closing() and transport.calls[-1] == "close"


def test_a_drain_without_need_ends_in_its_first_step(writer):
    with pytest.raises(StopIteration) as stopped:
        writer.drain().send(None)
    assert stopped.value.value is None


def test_a_drain_waits_until_the_protocol_resumes(loop, writer, protocol, turn):
    protocol.pause_writing()
    tasks = [loop.create_task(writer.drain()) for _ in range(3)]
    turn()
    assert not any(task.done() for task in tasks) and len(protocol._drain_waiters) == 3
    tasks[1].cancel()
    turn()
    assert tasks[1].cancelled() and len(protocol._drain_waiters) == 2
    protocol.resume_writing()
    loop.run_until_complete(asyncio.wait([tasks[0], tasks[2]]))
    assert tasks[0].result() is None and tasks[2].result() is None
    assert not protocol._drain_waiters
    loop.run_until_complete(writer.drain())


def test_resumed_without_anybody_waiting(loop, writer, protocol):
    protocol.pause_writing()
    protocol.resume_writing()
    loop.run_until_complete(writer.drain())


def test_pausing_twice_is_a_mistake(protocol):
    protocol.pause_writing()
    with pytest.raises(AssertionError):
        protocol.pause_writing()
    protocol.resume_writing()
    with pytest.raises(AssertionError):
        protocol.resume_writing()


def test_a_drain_raises_what_the_reader_has(loop, writer, reader):
    reader.set_exception(OSError("broken"))
    with pytest.raises(OSError, match="broken"):
        loop.run_until_complete(writer.drain())


@pytest.mark.parametrize("error", [None, OSError("lost")])
def test_the_connection_is_lost_while_it_waits(loop, writer, protocol, reader, turn, error):
    protocol.pause_writing()
    task = loop.create_task(writer.drain())
    turn()
    protocol.connection_lost(error)
    if error is None:
        loop.run_until_complete(task)
    else:
        with pytest.raises(OSError, match="lost"):
            loop.run_until_complete(task)
    assert not protocol._drain_waiters


def test_the_connection_was_lost(loop, writer, protocol):
    protocol.connection_lost(None)
    with pytest.raises(ConnectionResetError, match="Connection lost"):
        loop.run_until_complete(writer.drain())


def test_a_closing_transport_is_given_a_turn(loop, writer, transport, protocol):
    transport.closing = True
    loop.call_soon(protocol.connection_lost, None)
    with pytest.raises(ConnectionResetError, match="Connection lost"):
        loop.run_until_complete(writer.drain())
    drain = writer.drain()
    assert drain.send(None) is None
    drain.close()


def test_another_protocol_is_asked_to_help(lib, loop, transport, turn):
    class Protocol:
        waits = 0

        async def _drain_helper(self):
            self.waits += 1
            await asyncio.sleep(0)

    protocol = Protocol()
    writer = lib.StreamWriter(transport, protocol, None, loop)
    loop.run_until_complete(writer.drain())
    assert protocol.waits == 1
    transport.closing = True


def test_a_subclass_may_drain_its_own_way(lib, loop, transport, protocol, reader):
    class Writer(lib.StreamWriter):
        def write(self, data):
            super().write(data + b"!")

        async def drain(self):
            await super().drain()
            return "drained"

    writer = Writer(transport, protocol, reader, loop)
    writer.write(b"data")
    assert transport.calls == [("write", b"data!")]
    assert loop.run_until_complete(writer.drain()) == "drained"
    transport.closing = True


def test_the_reader_must_be_one(lib, loop, transport, protocol):
    # What was made halfway is finalized like a whole one.
    transport.closing = True
    with pytest.raises(AssertionError):
        lib.StreamWriter(transport, protocol, "reader", loop)


def test_a_reader_of_the_stdlib_will_do(lib, loop, transport, protocol):
    writer = lib.StreamWriter(transport, protocol, asyncio.StreamReader(loop=loop), loop)
    loop.run_until_complete(writer.drain())
    transport.closing = True


def test_a_writer_that_is_forgotten_closes(lib, loop, transport, protocol, request):
    writer = lib.StreamWriter(transport, protocol, None, loop)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del writer
        gc.collect()
    assert [type(w.message) for w in caught] == [ResourceWarning] * len(caught)
    # The finalizer came with 3.11.5.
    assert transport.calls in ([], ["close"])
    assert len(caught) == len(transport.calls)


def test_repr(lib, loop, transport, protocol, reader):
    writer = lib.StreamWriter("T", protocol, reader, loop)
    assert repr(writer) == f"<StreamWriter transport='T' reader={reader!r}>"
    writer._transport = transport
    transport.closing = True


def test_the_complete_future(writer):
    assert writer._complete_fut.done() and writer._complete_fut.result() is None
