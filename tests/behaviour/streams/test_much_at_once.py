"""Much comes at once, and who reads awaits much: ferrio receives it where it will stay. What happens in
the middle finds the bytes that have come."""

import asyncio
import functools
import random
import sys

import pytest
import stream_pairs

DATA = random.Random(5).randbytes(1_000_000)


@pytest.fixture
def halves(lib, tmp_path):
    """``async with halves() as (reader, writer)``: the two ends of one connection."""

    def connect():
        return Halves(functools.partial(stream_pairs.connected, lib, "unix", tmp_path / "socket"))

    return connect


class Halves:
    def __init__(self, connected):
        self.connected = connected
        self.done = asyncio.Event()

    async def __aenter__(self):
        made = asyncio.get_running_loop().create_future()

        async def handler(reader, writer):
            made.set_result(reader)
            await self.done.wait()

        self.context = self.connected(handler)
        _, writer = await self.context.__aenter__()
        return await made, writer

    async def __aexit__(self, *error):
        self.done.set()
        await self.context.__aexit__(*error)


async def warm(reader, writer):
    """A first receive that is large."""
    writer.write(DATA[:300_000])
    assert await reader.readexactly(300_000) == DATA[:300_000]


async def half_read(reader, writer, n):
    """Somebody awaits n bytes, of which 100,000 have come."""
    await warm(reader, writer)
    reading = asyncio.ensure_future(reader.readexactly(n))
    await asyncio.sleep(0)
    writer.write(DATA[:100_000])
    await until(lambda: " 100000 bytes" in repr(reader))
    return reading


async def until(condition):
    while not condition():
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("ask", [16_384, 65_536, 100_000, 300_000])
def test_little_after_much(run, halves, ask):
    """Nothing is kept for what did not come."""

    async def main():
        async with halves() as (reader, writer):
            kept = []
            for size in [300_000, 1, 40_000, 20_000, 65_536, 65_535, 2, 700_000, 3]:
                writer.write(DATA[:size])
                got = []
                while sum(map(len, got)) < size:
                    got.append(await reader.read(ask))
                    assert 0 < len(got[-1]) <= ask and type(got[-1]) is bytes
                    assert sys.getsizeof(got[-1]) == sys.getsizeof(b"") + len(got[-1])
                assert b"".join(got) == DATA[:size]
                kept += got
            writer.write_eof()
            assert await reader.read(ask) == b"" and reader.at_eof()
            assert {hash(one) for one in kept} == {hash(bytes(bytearray(one))) for one in kept}

    run(main())


@pytest.mark.parametrize("size", [65_535, 65_536, 1_000_000, 3_000_000])
@pytest.mark.parametrize("head", [0, 4, 70_000])
def test_one_message_behind_another(run, halves, size, head):
    message = (DATA * 4)[: head + size]

    async def main():
        async with halves() as (reader, writer):
            sending = asyncio.gather(*(send(writer, message) for _ in range(4)))
            for _ in range(4):
                assert await reader.readexactly(head) == message[:head]
                assert await reader.readexactly(size) == message[head:]
            await sending

    async def send(writer, message):
        writer.write(message)
        await writer.drain()

    run(main())


def test_a_cancelled_reader_leaves_what_has_come(run, halves):
    async def main():
        async with halves() as (reader, writer):
            await warm(reader, writer)
            for size in [1, 100_000]:
                reading = asyncio.ensure_future(reader.readexactly(len(DATA)))
                await asyncio.sleep(0)
                writer.write(DATA[:size])
                await until(lambda: f" {size} bytes" in repr(reader))
                reading.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await reading
                assert await reader.readexactly(1) == DATA[:1]
                if size > 1:
                    assert await reader.read(len(DATA)) == DATA[1:size]

    run(main())


@pytest.mark.parametrize("size", [1, 150_000])
def test_the_end_in_the_middle(run, halves, size):
    async def main():
        async with halves() as (reader, writer):
            await warm(reader, writer)
            reading = asyncio.ensure_future(reader.readexactly(len(DATA)))
            await asyncio.sleep(0)
            writer.write(DATA[:size])
            writer.write_eof()
            with pytest.raises(asyncio.IncompleteReadError) as caught:
                await reading
            assert caught.value.partial == DATA[:size] and caught.value.expected == len(DATA)
            assert reader.at_eof() and await reader.read(1) == b""

    run(main())


def test_the_program_feeds_too(run, halves):
    async def main():
        async with halves() as (reader, writer):
            reading = await half_read(reader, writer, 250_002)
            reader.feed_data(b"--")
            writer.write(DATA[:200_000])
            assert await reading == DATA[:100_000] + b"--" + DATA[:150_000]
            assert await reader.readexactly(50_000) == DATA[150_000:200_000]

    run(main())


def test_somebody_looks_at_the_buffer(run, halves):
    async def main():
        async with halves() as (reader, writer):
            reading = await half_read(reader, writer, 250_000)
            assert reader._buffer == DATA[:100_000]
            writer.write(DATA[100_000:250_000])
            assert await reading == DATA[:250_000]
            assert reader._buffer == b""

    run(main())


def test_nobody_reads(run, halves):
    """asyncio holds twice its limit and what one receive brings."""

    async def main():
        async with halves() as (reader, writer):
            await warm(reader, writer)
            writer.write(DATA * 8)
            assert await reader.read(65_536)
            await until(lambda: not reader._transport.is_reading())
            held = int(repr(reader).split(" bytes")[0].split()[-1])
            assert 65_536 < held <= 2 * 65_536 + 256 * 1024
            much = 8 * len(DATA) - 100_000
            assert len(await reader.readexactly(much)) == much
            await writer.drain()

    run(main())
