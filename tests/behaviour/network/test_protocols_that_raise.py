"""A protocol callback that raises costs its own connection at most: it is reported and everything
else goes on."""

import asyncio

import pytest


@pytest.fixture
def report(run, reported):
    """Run main with the recording exception handler."""

    def report(main):
        async def wrapped():
            asyncio.get_running_loop().set_exception_handler(reported)
            await main()

        run(wrapped())
        return reported

    return report


def test_data_received(report, pair, recorder):
    class Broken(recorder):
        def data_received(self, data):
            super().data_received(data)
            raise LookupError("data")

    async def main():
        async with pair(server=Broken) as (left, right):
            left.transport.write(b"x")
            await right.has("lost")
            assert str(right.events[-1][1]) == "data"
            await left.has("lost")

    (context,) = report(main)
    assert context["message"] == "Fatal error: protocol.data_received() call failed."
    assert str(context["exception"]) == "data"
    assert context["transport"] is context["protocol"].transport


@pytest.mark.parametrize("answer", [True, False])
def test_eof_received(report, pair, recorder, answer):
    class Broken(recorder):
        def eof_received(self):
            super().eof_received()
            raise LookupError("eof")

    async def main():
        async with pair(server=Broken) as (left, right):
            left.transport.write_eof()
            await right.has("lost")
            assert str(right.events[-1][1]) == "eof"

    (context,) = report(main)
    assert context["message"] == "Fatal error: protocol.eof_received() call failed."


def test_connection_lost(report, pair, recorder):
    class Broken(recorder):
        def connection_lost(self, exc):
            super().connection_lost(exc)
            raise LookupError("lost")

    async def main():
        async with pair(server=Broken) as (left, right):
            left.transport.close()
            await right.has("lost")
            await left.has("lost")
            sock = right.transport.get_extra_info("socket")
            await asyncio.sleep(0)
            assert sock.fileno() == -1, "the descriptor is closed all the same"

    (context,) = report(main)
    assert str(context["exception"]) == "lost"


class BufferTooShort:
    """get_buffer and buffer_updated that misbehave, one way each."""

    def empty(self, hint):
        return bytearray()

    def readonly(self, hint):
        return b"readonly"

    def nothing(self, hint):
        return None

    def raises(self, hint):
        raise LookupError("buffer")


@pytest.mark.parametrize("how", ["empty", "readonly", "nothing", "raises"])
def test_get_buffer(report, pair, buffered_recorder, how):
    class Broken(buffered_recorder):
        get_buffer = getattr(BufferTooShort, how)

    async def main():
        async with pair(server=Broken) as (left, right):
            left.transport.write(b"x")
            await right.has("lost")
            assert right.events[-1][1] is not None

    (context,) = report(main)
    assert context["message"].startswith("Fatal ")
    if how == "empty":
        assert isinstance(context["exception"], RuntimeError)
        assert str(context["exception"]) == "get_buffer() returned an empty buffer"


def test_buffer_updated(report, pair, buffered_recorder):
    class Broken(buffered_recorder):
        def buffer_updated(self, count):
            super().buffer_updated(count)
            raise LookupError("updated")

    async def main():
        async with pair(server=Broken) as (left, right):
            left.transport.write(b"x")
            await right.has("lost")
            assert str(right.events[-1][1]) == "updated"

    (context,) = report(main)
    assert context["message"] == "Fatal error: protocol.buffer_updated() call failed."


def test_a_buffer_of_one_byte_is_slow_but_right(report, pair, buffered_recorder):
    class Narrow(buffered_recorder):
        size = 1

    async def main():
        async with pair(server=Narrow) as (left, right):
            left.transport.write(b"byte by byte")
            assert await right.received(12) == b"byte by byte"
            assert right.names.count("data") == 12

    assert report(main) == []


def test_get_buffer_is_asked_with_a_hint(report, pair, buffered_recorder):
    hints = []

    class Asking(buffered_recorder):
        def get_buffer(self, hint):
            hints.append(hint)
            return super().get_buffer(hint)

    async def main():
        async with pair(server=Asking) as (left, right):
            left.transport.write(b"x")
            await right.received(1)

    assert report(main) == []
    assert hints and all(isinstance(hint, int) for hint in hints)


def test_a_reused_buffer_and_a_memoryview(report, pair, buffered_recorder):
    class Reusing(buffered_recorder):
        buffer = bytearray(100)

        def get_buffer(self, hint):
            return memoryview(self.buffer)[:50]

    async def main():
        async with pair(server=Reusing) as (left, right):
            data = bytes(range(256)) * 10
            left.transport.write(data)
            assert await right.received(len(data)) == data

    assert report(main) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_the_strong_exceptions_leave_the_loop(loop, recorder, error):
    """They go through run_forever to the caller; afterwards the loop can be run again and cleans
    up."""
    import socket

    class Strong(recorder):
        def data_received(self, data):
            super().data_received(data)
            raise error("strong")

    one, two = socket.socketpair()
    one.setblocking(False)
    transport, protocol = loop.run_until_complete(loop.create_unix_connection(Strong, sock=one))
    two.send(b"x")
    with pytest.raises(error, match="strong"):
        loop.run_forever()
    assert not loop.is_running()
    transport.abort()
    loop.run_until_complete(protocol.has("lost"))
    two.close()


def test_other_connections_go_on(report, pair, recorder):
    class Broken(recorder):
        def data_received(self, data):
            raise LookupError("data")

    async def main():
        async with pair() as (left, right), pair(server=Broken) as (bad_left, bad_right):
            bad_left.transport.write(b"x")
            left.transport.write(b"x")
            await bad_right.has("lost")
            left.transport.write(b"y")
            assert await right.received(2) == b"xy"

    assert len(report(main)) == 1
