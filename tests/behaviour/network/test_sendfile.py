"""loop.sendfile: every byte once and in its place, through the kernel and by reading; what the protocol
notices; what is left when somebody gives up in the middle."""

import asyncio
import io
import os
import sys

import pytest
from turns import settle

SIZE = 20_000_000


def same(got, expected):
    """Equality, without megabytes in the report of a failure."""
    return len(got) == len(expected) and bytes(got) == bytes(expected)


async def begun(task, left, right):
    """Wait until some of the file has arrived; the sender is stuck then, for nobody reads on."""
    right.transport.pause_reading()
    await settle()
    assert not task.done()


def test_ranges(run, pair, file_of, small, part):
    file = file_of(small)
    offset, count, expected = part

    async def main():
        loop = asyncio.get_running_loop()
        async with pair() as (left, right):
            assert await loop.sendfile(left.transport, file, offset, count) == len(expected)
            moved = expected or sys.version_info >= (3, 14)
            assert file.tell() == (offset + len(expected) if moved else 0)
            left.transport.write(b"!")
            assert await right.received(len(expected) + 1) == expected + b"!"

    run(main())


@pytest.mark.parametrize("fallback", [True, False])
def test_big_file_between_other_writes(run, pair, file_of, big, fallback):
    file = file_of(big)
    before, after = b"before" * 100_000, b"after" * 100_000

    async def main():
        loop = asyncio.get_running_loop()
        async with pair() as (left, right):
            left.transport.write(b"<")
            left.transport.write(before)
            assert await loop.sendfile(left.transport, file, fallback=fallback) == SIZE
            assert file.tell() == SIZE
            left.transport.write(after)
            left.transport.write(b">")
            expected = b"<" + before + big + after + b">"
            assert same(await right.received(len(expected)), expected)
            pauses = [name for name in left.names if name in {"pause", "resume"}]
            assert pauses == ["pause", "resume"] * (len(pauses) // 2)

    run(main())


def test_many_small_files_and_writes(run, pair, file_of, small):
    file = file_of(small)

    async def main():
        loop = asyncio.get_running_loop()
        expected = bytearray()
        async with pair() as (left, right):
            for n in range(200):
                left.transport.write(b"%d" % n)
                await loop.sendfile(left.transport, file, n, 100)
                expected += b"%d" % n + small[n : n + 100]
            assert await right.received(len(expected)) == expected

    run(main())


def test_no_writes_meanwhile(run, pair, file_of, big):
    file = file_of(big)

    async def main():
        loop = asyncio.get_running_loop()
        async with pair() as (left, right):
            sending = asyncio.create_task(loop.sendfile(left.transport, file))
            await begun(sending, left, right)
            with pytest.raises(RuntimeError, match="^unable to write; sendfile is in progress$"):
                left.transport.write(b"data")
            with pytest.raises(RuntimeError, match="; sendfile is in progress$"):
                left.transport.writelines([b"da", b"ta"])
            right.transport.resume_reading()
            assert await sending == SIZE
            left.transport.write(b"data")
            assert same(await right.received(SIZE + 4), big + b"data")

    run(main())


def test_nothing_is_read_meanwhile(run, pair, file_of, big):
    file = file_of(big)

    async def main():
        loop = asyncio.get_running_loop()
        async with pair() as (left, right):
            sending = asyncio.create_task(loop.sendfile(left.transport, file))
            await begun(sending, left, right)
            assert not left.transport.is_reading()
            right.transport.write(b"question")
            await settle()
            assert not left.data
            right.transport.resume_reading()
            await sending
            assert left.transport.is_reading()
            assert await left.received(8) == b"question"
            left.transport.pause_reading()
            await loop.sendfile(left.transport, file, 0, 10)
            assert not left.transport.is_reading()

    run(main())


def test_reading_may_be_resumed_meanwhile(run, pair, file_of, big):
    file = file_of(big)

    async def main():
        loop = asyncio.get_running_loop()
        async with pair() as (left, right):
            sending = asyncio.create_task(loop.sendfile(left.transport, file))
            await begun(sending, left, right)
            # As a StreamReader does when somebody reads from it.
            left.transport.resume_reading()
            right.transport.write(b"question")
            assert await left.received(8) == b"question"
            right.transport.resume_reading()
            assert await sending == SIZE
            assert same(await right.received(SIZE), big)

    run(main())


@pytest.mark.parametrize("how", ["close", "abort"])
def test_peer_gone_in_the_middle(run, pair, file_of, big, how):
    file = file_of(big)

    async def main():
        loop = asyncio.get_running_loop()
        async with pair() as (left, right):
            sending = asyncio.create_task(loop.sendfile(left.transport, file))
            await right.received(1)
            getattr(right.transport, how)()
            with pytest.raises(ConnectionError):
                await sending
            assert len(right.data) <= file.tell() < SIZE
            await left.has("lost")
            assert left.transport.is_closing()

    run(main())


@pytest.mark.parametrize("how", ["close", "abort"])
@pytest.mark.parametrize("queued", [0, 5_000_000])
def test_closed_in_the_middle(flavour, run, pair, file_of, big, how, queued):
    if flavour.name == "asyncio":
        pytest.skip("stock never wakes the caller: gives its waiter a second result instead")
    file = file_of(big)

    async def main():
        loop = asyncio.get_running_loop()
        async with pair() as (left, right):
            left.transport.write(bytes(queued))
            sending = asyncio.create_task(loop.sendfile(left.transport, file))
            await begun(sending, left, right)
            getattr(left.transport, how)()
            right.transport.resume_reading()
            with pytest.raises(ConnectionError, match="^Connection is closed by peer$"):
                await sending
            await left.has("lost")
            assert left.events[-1] == ("lost", None)
            await right.has("lost")
            if queued and how == "close":
                assert same(right.data, bytes(queued))

    run(main())


def test_closing_transport(run, pair, file_of, small):
    file = file_of(small)

    async def main():
        loop = asyncio.get_running_loop()
        async with pair() as (left, right):
            left.transport.close()
            with pytest.raises(RuntimeError, match="^Transport is closing$"):
                await loop.sendfile(left.transport, file)
            await right.has("lost")
            assert not right.data

    run(main())


def test_cancelled_in_the_middle(flavour, run, pair, file_of, big):
    file = file_of(big)

    async def main():
        loop = asyncio.get_running_loop()
        async with pair() as (left, right):
            sending = asyncio.create_task(loop.sendfile(left.transport, file))
            await begun(sending, left, right)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            assert left.transport.is_reading()
            left.transport.write(b"tail")
            right.transport.resume_reading()
            await right.until(lambda self: self.data.endswith(b"tail"))
            sent = len(right.data) - 4
            assert 0 < sent < SIZE
            assert same(right.data[:sent], big[:sent])
            # asyncio forgets to move it.
            assert file.tell() == (sent if flavour.name == "ferrio" else 0)
            right.transport.write(b"answer")
            assert await left.received(6) == b"answer"
            assert await loop.sendfile(left.transport, file, 0, 100) == 100
            await right.received(sent + 104)

    run(main())


def test_cancelled_behind_other_writes(flavour, run, pair, file_of, small):
    if flavour.name == "asyncio":
        pytest.skip("stock refuses writes from then on: its waiter is made outside the try")
    file = file_of(small)

    async def main():
        loop = asyncio.get_running_loop()
        async with pair() as (left, right):
            right.transport.pause_reading()
            left.transport.write(bytes(5_000_000))
            sending = asyncio.create_task(loop.sendfile(left.transport, file))
            await settle()
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            assert file.tell() == 0
            left.transport.write(b"tail")
            right.transport.resume_reading()
            assert same(await right.received(5_000_004), bytes(5_000_000) + b"tail")

    run(main())


def test_what_is_no_file(run, pair, big):
    file = io.BytesIO(big[:2_000_000])

    async def main():
        loop = asyncio.get_running_loop()
        async with pair() as (left, right):
            with pytest.raises(asyncio.SendfileNotAvailableError, match="^not a regular file$"):
                await loop.sendfile(left.transport, file, fallback=False)
            left.transport.write(b"<")
            assert await loop.sendfile(left.transport, file, 1000, 1_500_000) == 1_500_000
            assert file.tell() == 1_501_000
            assert left.transport.get_protocol() is left
            assert left.transport.is_reading()
            left.transport.write(b">")
            expected = b"<" + big[1000:1_501_000] + b">"
            assert same(await right.received(len(expected)), expected)

    run(main())


def test_fallback_and_a_peer_gone_in_the_middle(run, pair, big):
    file = io.BytesIO(big)

    async def main():
        loop = asyncio.get_running_loop()
        async with pair() as (left, right):
            sending = asyncio.create_task(loop.sendfile(left.transport, file))
            await right.received(1)
            right.transport.abort()
            with pytest.raises(ConnectionError):
                await sending
            assert 0 < file.tell() < SIZE
            await left.has("lost")

    run(main())


def test_fallback_cancelled_in_the_middle(run, pair, big):
    file = io.BytesIO(big)

    async def main():
        loop = asyncio.get_running_loop()
        async with pair() as (left, right):
            sending = asyncio.create_task(loop.sendfile(left.transport, file))
            await begun(sending, left, right)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            assert left.transport.get_protocol() is left
            assert left.transport.is_reading()
            right.transport.resume_reading()
            left.transport.write(b"tail")
            await right.until(lambda self: self.data.endswith(b"tail"))

    run(main())


def test_transports_that_cannot(run, file_of, small):
    file = file_of(small)

    async def main():
        loop = asyncio.get_running_loop()
        reading, writing = os.pipe()
        transport, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, open(writing, "wb", 0))
        with pytest.raises(RuntimeError, match="^sendfile is not supported for transport <"):
            await loop.sendfile(transport, file)
        transport.close()
        os.close(reading)
        await settle()

    run(main())


# --- TLS: always by reading ---


@pytest.fixture
def tls_pair(recorder, server_context, client_context):
    """As `tcp_pair`, over TLS; the protocols are closed by the test."""

    async def tls_pair():
        loop = asyncio.get_running_loop()
        accepted = loop.create_future()

        def factory():
            protocol = recorder()
            accepted.set_result(protocol)
            return protocol

        server = await loop.create_server(factory, "127.0.0.1", 0, ssl=server_context)
        port = server.sockets[0].getsockname()[1]
        _, left = await loop.create_connection(
            recorder, "127.0.0.1", port, ssl=client_context, server_hostname="localhost"
        )
        right = await accepted
        await right.has("made")
        server.close()
        return left, right

    return tls_pair


async def end(*protocols):
    for protocol in protocols:
        protocol.transport.close()
    for protocol in protocols:
        await protocol.has("lost")


def test_tls_between_other_writes(run, tls_pair, file_of, big):
    content = big[:5_000_000]
    file = file_of(content)

    async def main():
        loop = asyncio.get_running_loop()
        left, right = await tls_pair()
        left.transport.write(b"before")
        assert await loop.sendfile(left.transport, file) == len(content)
        assert file.tell() == len(content)
        left.transport.write(b"after")
        expected = b"before" + content + b"after"
        assert same(await right.received(len(expected)), expected)
        await end(left, right)

    run(main())


def test_tls_range(run, tls_pair, file_of, small):
    file = file_of(small)

    async def main():
        loop = asyncio.get_running_loop()
        left, right = await tls_pair()
        with pytest.raises(RuntimeError, match="^fallback is disabled and native sendfile is not"):
            await loop.sendfile(left.transport, file, fallback=False)
        assert await loop.sendfile(left.transport, file, 1000, 100) == 100
        assert file.tell() == 1100
        assert await right.received(100) == small[1000:1100]
        await end(left, right)

    run(main())


def test_tls_peer_gone_in_the_middle(flavour, run, tls_pair, file_of, big):
    if flavour.name == "asyncio":
        pytest.skip("seen once on stock 3.13.0: it took the lost connection for a finished file")
    file = file_of(big)

    async def main():
        loop = asyncio.get_running_loop()
        left, right = await tls_pair()
        sending = asyncio.create_task(loop.sendfile(left.transport, file))
        await right.received(1)
        right.transport.abort()
        with pytest.raises(ConnectionError):
            await sending
        assert 0 < file.tell() < SIZE
        await end(left, right)

    run(main())


def test_pauses_of_a_fallback_are_not_the_protocols(run, tls_pair, big, reported):
    """What the transport says of its buffer while the file is under way is not for the protocol,
    but how things stand afterwards is."""
    file = io.BytesIO(big[:1_000_000])

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(reported)
        left, right = await tls_pair()
        right.transport.pause_reading()
        left.transport.set_write_buffer_limits(high=1)
        sending = asyncio.create_task(loop.sendfile(left.transport, file))
        while not sending.done():
            right.transport.resume_reading()
            await settle()
            right.transport.pause_reading()
        await sending
        right.transport.resume_reading()
        await right.received(1_000_000)
        await settle()
        pauses = [name for name in left.names if name in {"pause", "resume"}]
        assert pauses == ["pause", "resume"] * (len(pauses) // 2)
        await end(left, right)

    run(main())
    assert reported == []
