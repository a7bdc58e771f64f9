"""Whatever is written arrives once, whole, in order, however it was cut and whoever was slow."""

import asyncio
import random

import pytest


def pattern(size, seed=0):
    return random.Random(seed).randbytes(size)


@pytest.mark.parametrize("size", [1, 10, 1024, 65_536, 1_000_003])
def test_one_write(run, pair, any_recorder, size):
    async def main():
        async with pair(server=any_recorder) as (left, right):
            left.transport.write(pattern(size))
            assert await right.received(size) == pattern(size)

    run(main())


def test_many_small_writes(run, pair, any_recorder):
    async def main():
        async with pair(server=any_recorder) as (left, right):
            data = pattern(10_000)
            for start in range(0, len(data), 10):
                left.transport.write(data[start : start + 10])
            assert await right.received(len(data)) == data

    run(main())


def test_writes_of_all_sizes_in_one_callback(run, pair, any_recorder):
    async def main():
        async with pair(server=any_recorder) as (left, right):
            sizes = [1, 100_000, 3, 70_000, 0, 65_536, 2, 300_000, 1]
            chunks = [pattern(size, seed) for seed, size in enumerate(sizes)]
            for chunk in chunks:
                left.transport.write(chunk)
            assert await right.received(sum(sizes)) == b"".join(chunks)

    run(main())


def test_both_directions_at_once(run, pair, any_recorder):
    async def main():
        async with pair(any_recorder, any_recorder) as (left, right):
            ours, theirs = pattern(2_000_000, 1), pattern(2_000_000, 2)
            left.transport.write(ours)
            right.transport.write(theirs)
            assert await right.received(len(ours)) == ours
            assert await left.received(len(theirs)) == theirs

    run(main())


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_like_objects(run, pair, kind):
    async def main():
        async with pair() as (left, right):
            left.transport.write(kind(b"hello "))
            left.transport.writelines([kind(b"wor"), kind(b""), kind(b"ld")])
            assert await right.received(11) == b"hello world"

    run(main())


@pytest.mark.parametrize("size", [1, 500, 50_000])
def test_a_buffer_changed_after_write(run, pair, size):
    """What the kernel takes at once is safe from changes. (Of what it cannot take, stock 3.12+
    keeps a view.)"""

    async def main():
        async with pair() as (left, right):
            data = bytearray(b"1" * size)
            left.transport.write(data)
            data[:] = b"2" * size
            left.transport.write(data)
            data.clear()
            assert await right.received(2 * size) == b"1" * size + b"2" * size

    run(main())


def test_a_memoryview_of_wider_items_is_bytes(run, pair):
    import array

    async def main():
        async with pair() as (left, right):
            numbers = array.array("I", [1, 2, 3])
            left.transport.write(memoryview(numbers).cast("B"))
            assert await right.received(12) == numbers.tobytes()

    run(main())


@pytest.mark.parametrize("junk", ["text", 3, None, [b"x"], object()])
def test_write_refuses_what_is_not_bytes(run, pair, junk):
    async def main():
        async with pair() as (left, right):
            with pytest.raises(TypeError):
                left.transport.write(junk)
            left.transport.write(b"still works")
            assert await right.received(11) == b"still works"

    run(main())


@pytest.mark.parametrize("junk", [3, ["text"], [b"ok", 3]])
def test_writelines_refuses_what_is_not_bytes(run, pair, junk):
    async def main():
        async with pair() as (left, _):
            with pytest.raises(TypeError):
                left.transport.writelines(junk)

    run(main())


def test_writelines_takes_any_iterable(run, pair):
    async def main():
        async with pair() as (left, right):
            left.transport.writelines(bytes([65 + number]) for number in range(5))
            left.transport.writelines([])
            left.transport.writelines((b"f",))
            assert await right.received(6) == b"ABCDEf"

    run(main())


def test_more_pieces_than_one_writev_can_take(run, pair):
    """IOV_MAX is 1024 on Linux."""

    async def main():
        async with pair() as (left, right):
            pieces = [pattern(7, number) for number in range(5000)]
            left.transport.writelines(pieces)
            assert await right.received(35_000) == b"".join(pieces)

    run(main())


def test_empty_writes_are_nothing(run, pair):
    async def main():
        async with pair() as (left, right):
            for _ in range(10):
                left.transport.write(b"")
            left.transport.write(b"x")
            await right.received(1)
            assert right.events == [("made",), ("data", 1)]

    run(main())


def test_echo_ping_pong(run, pair, recorder):
    class Echo(recorder):
        def data_received(self, data):
            super().data_received(data)
            self.transport.write(data)

    async def main():
        async with pair(server=Echo) as (left, _):
            for number in range(500):
                left.transport.write(b"ping")
                await left.received(4 * (number + 1))

    run(main())


def test_written_bytes_are_on_their_way_when_the_callback_ends(run, pair):
    """Nothing but a write in one callback: the peer gets it without any further call on this side."""

    async def main():
        loop = asyncio.get_running_loop()
        async with pair() as (left, right):
            loop.call_soon(left.transport.write, b"from a callback")
            assert await right.received(15) == b"from a callback"
            loop.call_later(0.001, left.transport.write, b"!")
            assert await right.received(16) == b"from a callback!"

    run(main())


def test_a_blocking_peer_gets_the_bytes_before_a_long_callback(run, listener):
    """Another thread answers while this callback is over: what was written has left by then."""
    import socket
    import threading

    async def main(loop):
        port = listener.getsockname()[1]
        thread_got = []

        def peer():
            with socket.create_connection(("127.0.0.1", port)) as sock:
                while len(thread_got) < 100:
                    thread_got.append(sock.recv(1))
                    sock.sendall(b"+")

        thread = threading.Thread(target=peer)
        thread.start()
        conn, _ = await loop.sock_accept(listener)
        reader, writer = await asyncio.open_connection(sock=conn)
        for _ in range(100):
            writer.write(b"x")
            assert await reader.readexactly(1) == b"+"
        await asyncio.to_thread(thread.join)
        writer.close()
        await writer.wait_closed()

    async def start():
        await main(asyncio.get_running_loop())

    run(start())


@pytest.mark.parametrize("size", [16_384, 130_816, 400_000])
@pytest.mark.parametrize("ending", ["close", "abort"])
def test_little_and_the_end_after_very_much(run, pair, recorder, size, ending):
    class Keeper(recorder):
        def __init__(self):
            super().__init__()
            self.kept = []

        def data_received(self, data):
            super().data_received(data)
            self.kept.append(data)

    async def main():
        async with pair(server=Keeper) as (left, right):
            expected = b""
            for seed, length in enumerate([size, 1, size, size, 20_000, 2, 3]):
                left.transport.write(pattern(length, seed))
                expected += pattern(length, seed)
                await right.received(len(expected))
            getattr(left.transport, ending)()
            await right.has("lost")
            assert b"".join(right.kept) == right.data == expected
            assert right.events[-1] == ("lost", None)

    run(main())


@pytest.mark.parametrize("kept_one_of", [1, 2, 3, 1000])
def test_what_a_program_keeps_stays_as_it_is(run, pair, recorder, kept_one_of):
    """The memory of what it does not keep may serve again."""
    sizes = random.Random(kept_one_of).choices([1, 900, 991, 992, 1000, 1024, 1500, 2048, 16_000, 40_000, 70_000], k=300)
    kept = []

    class Echo(recorder):
        def data_received(self, data):
            super().data_received(data)
            self.transport.write(data)
            if len(self.events) % kept_one_of == 0:
                kept.append((data, hash(data), bytearray(data), memoryview(data)[1:]))

    async def main():
        async with pair(server=Echo) as (left, _):
            for number, size in enumerate(sizes):
                message = pattern(size, number)
                left.transport.write(message)
                assert await left.received(size) == message
                left.data.clear()

    run(main())
    assert kept_one_of == 1000 or len(kept) > 50
    for data, hashed, copy, view in kept:
        assert data == copy and view == copy[1:]
        assert hash(data) == hashed == hash(bytes(copy))
