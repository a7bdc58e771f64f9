"""Slow readers slow down writers: watermarks, pause_writing/resume_writing,
pause_reading/resume_reading."""

import asyncio
import math

import pytest

CHUNK = b"x" * 100_000


async def fill(left):
    """Write until the transport says stop."""
    while "pause" not in left.names:
        left.transport.write(CHUNK)
        await asyncio.sleep(0)


def test_pause_and_resume_writing(run, pair):
    async def main():
        async with pair() as (left, right):
            right.transport.pause_reading()
            await fill(left)
            low, high = left.transport.get_write_buffer_limits()
            assert left.transport.get_write_buffer_size() > high
            assert left.names == ["made", "pause"]
            right.transport.resume_reading()
            await left.has("resume")
            assert left.transport.get_write_buffer_size() <= low
            assert left.names == ["made", "pause", "resume"]

    run(main())


def test_pause_is_called_from_the_write_that_crosses_the_mark(run, pair):
    async def main():
        async with pair() as (left, right):
            right.transport.pause_reading()
            left.transport.set_write_buffer_limits(high=0)
            size = 0
            while "pause" not in left.names:
                left.transport.write(CHUNK)
                size += len(CHUNK)
                assert size < 1_000_000_000
            assert left.names == ["made", "pause"]
            assert 0 < left.transport.get_write_buffer_size() <= size

    run(main())


def test_pause_and_resume_alternate(run, pair):
    async def main():
        async with pair() as (left, right):
            for _ in range(3):
                right.transport.pause_reading()
                before = left.names.count("pause")
                while left.names.count("pause") == before:
                    left.transport.write(CHUNK)
                    await asyncio.sleep(0)
                right.transport.resume_reading()
                await left.until(lambda left: left.names.count("resume") > before)
            assert left.names == ["made", *["pause", "resume"] * 3]

    run(main())


def test_nothing_is_buffered_when_the_peer_reads(run, pair):
    async def main():
        async with pair() as (left, right):
            left.transport.write(b"small")
            assert left.transport.get_write_buffer_size() == 0
            await right.received(5)

    run(main())


@pytest.mark.parametrize(
    "arguments, limits",
    [
        ({}, (16_384, 65_536)),
        ({"high": 0}, (0, 0)),
        ({"high": 1000}, (250, 1000)),
        ({"low": 1000}, (1000, 4000)),
        ({"low": 5, "high": 10}, (5, 10)),
        ({"low": 10, "high": 10}, (10, 10)),
    ],
)
def test_write_buffer_limits(run, pair, arguments, limits):
    async def main():
        async with pair() as (left, _):
            assert left.transport.get_write_buffer_limits() == (16_384, 65_536)
            left.transport.set_write_buffer_limits(**arguments)
            assert left.transport.get_write_buffer_limits() == limits

    run(main())


@pytest.mark.parametrize("high", [1e6, 1_000_000.5, math.inf, 2**64, float(2**64)])
def test_limits_that_are_no_small_integers(run, pair, high):
    async def main():
        async with pair() as (left, right):
            left.transport.set_write_buffer_limits(high=high, low=1.5)
            low, known = left.transport.get_write_buffer_limits()
            assert (int(low), known > 999_999) == (1, True)
            right.transport.pause_reading()
            left.transport.write(b"x" * 20_000_000)
            await asyncio.sleep(0)
            assert left.names.count("pause") == (high < 2_000_000)
            right.transport.resume_reading()
            await right.received(20_000_000)
            assert left.names.count("resume") == (high < 2_000_000)

    run(main())


@pytest.mark.parametrize(
    "arguments", [{"high": -1}, {"low": -1}, {"low": 10, "high": 5}, {"high": -(2**70)}, {"high": -1.5}]
)
def test_impossible_limits(run, pair, arguments):
    async def main():
        async with pair() as (left, _):
            with pytest.raises(ValueError, match="must be >= low"):
                left.transport.set_write_buffer_limits(**arguments)
            assert left.transport.get_write_buffer_limits() == (16_384, 65_536)

    run(main())


def test_limits_lowered_under_a_full_buffer(run, pair):
    async def main():
        async with pair() as (left, right):
            right.transport.pause_reading()
            left.transport.set_write_buffer_limits(high=1_000_000_000)
            for _ in range(100):
                left.transport.write(CHUNK)
            assert "pause" not in left.names
            left.transport.set_write_buffer_limits(high=10)
            # The stock selector transport of every version judges the new mark at once.
            assert left.names == ["made", "pause"] or left.names == ["made"]
            left.transport.write(b"x")
            assert left.names == ["made", "pause"]
            right.transport.resume_reading()
            await left.has("resume")

    run(main())


def test_pause_reading_stops_data(run, pair, any_recorder):
    async def main():
        async with pair(server=any_recorder) as (left, right):
            assert right.transport.is_reading() is True
            right.transport.pause_reading()
            assert right.transport.is_reading() is False
            left.transport.write(b"waiting")
            for _ in range(20):
                await asyncio.sleep(0.0005)
            assert right.data == b""
            right.transport.resume_reading()
            assert right.transport.is_reading() is True
            assert await right.received(7) == b"waiting"

    run(main())


def test_pause_and_resume_reading_twice_are_harmless(run, pair):
    async def main():
        async with pair() as (left, right):
            right.transport.pause_reading()
            right.transport.pause_reading()
            right.transport.resume_reading()
            right.transport.resume_reading()
            left.transport.write(b"x")
            assert await right.received(1) == b"x"

    run(main())


def test_pause_reading_inside_data_received(run, pair, recorder):
    class Careful(recorder):
        def data_received(self, data):
            super().data_received(data)
            self.transport.pause_reading()

    async def main():
        async with pair(server=Careful) as (left, right):
            left.transport.write(b"x" * 3_000_000)
            total = 0
            while total < 3_000_000:
                await right.until(lambda right: len(right.data) > total)
                total = len(right.data)
                calls = right.names.count("data")
                await asyncio.sleep(0)
                assert right.names.count("data") == calls, "data came although reading was paused"
                right.transport.resume_reading()

    run(main())


def test_pause_reading_in_connection_made(run, pair, recorder):
    class Late(recorder):
        def connection_made(self, transport):
            super().connection_made(transport)
            transport.pause_reading()

    async def main():
        async with pair(server=Late) as (left, right):
            left.transport.write(b"waiting")
            for _ in range(10):
                await asyncio.sleep(0.0005)
            assert right.data == b""
            right.transport.resume_reading()
            assert await right.received(7) == b"waiting"

    run(main())


def test_is_reading_after_close(run, pair):
    async def main():
        async with pair() as (left, _):
            left.transport.close()
            assert left.transport.is_reading() is False
            left.transport.pause_reading()
            left.transport.resume_reading()
            await left.has("lost")

    run(main())


def test_a_writer_that_keeps_to_the_rules_needs_little_memory(run, pair):
    async def main():
        async with pair() as (left, right):
            sent = peak = 0
            while sent < 20_000_000:
                left.transport.write(CHUNK)
                sent += len(CHUNK)
                peak = max(peak, left.transport.get_write_buffer_size())
                paused = left.names.count("pause")
                await left.until(lambda left: left.names.count("resume") == paused)
            await right.received(sent)
            assert peak <= 65_536 + len(CHUNK)

    run(main())


def test_pieces_written_without_a_pause_are_stopped_in_time(run, pair):
    piece = bytes(16 * 1024)

    async def main():
        async with pair() as (left, right):
            right.transport.pause_reading()
            while "pause" not in left.names:
                left.transport.write(piece)
            size = left.transport.get_write_buffer_size()
            assert 65_536 < size <= 1024 * 1024
            # From now on, each write is judged at once.
            right.transport.resume_reading()
            await left.has("resume")
            assert left.names == ["made", "pause", "resume"]

    run(main())


def test_marks_that_the_program_has_set_hold_to_the_byte(run, pair):
    piece = bytes(10_000)

    async def main():
        async with pair() as (left, right):
            right.transport.pause_reading()
            left.transport.set_write_buffer_limits(high=100_000, low=50_000)
            while "pause" not in left.names:
                left.transport.write(piece)
            assert 100_000 < left.transport.get_write_buffer_size() <= 110_000

    run(main())


@pytest.mark.parametrize("size", [20_000, 60_000])
def test_what_one_callback_has_written_is_judged_when_the_turn_ends(run, pair, size):
    async def main():
        async with pair() as (left, right):
            right.transport.pause_reading()
            await fill(left)
            right.transport.resume_reading()
            await left.has("resume")
            right.transport.pause_reading()
            left.events.clear()
            sent = 0
            while not left.events:
                for _ in range(6):
                    left.transport.write(bytes(size))
                sent += 6 * size
                await asyncio.sleep(0)
                assert sent < 100_000_000
                assert (left.names == ["pause"]) == (left.transport.get_write_buffer_size() > 65_536)

    run(main())


def test_pieces_arrive_whole_whatever_they_are_gathered_to(run, pair):
    async def main():
        async with pair() as (left, right):
            expected = bytearray()
            for round in range(40):
                for number in range(round):
                    piece = bytes([round * 3 + number & 255]) * (1000 + 977 * number * round % 90_000)
                    left.transport.write(piece)
                    expected += piece
                if round % 3 == 0:
                    await asyncio.sleep(0)
            await right.received(len(expected))
            assert right.data == expected

    run(main())


def test_pause_writing_that_raises_is_reported(run, pair, recorder, reported):
    class Broken(recorder):
        def pause_writing(self):
            super().pause_writing()
            raise OSError("broken pause")

        def resume_writing(self):
            super().resume_writing()
            raise OSError("broken resume")

    async def main():
        asyncio.get_running_loop().set_exception_handler(reported)
        async with pair(Broken) as (left, right):
            right.transport.pause_reading()
            await fill(left)
            right.transport.resume_reading()
            await left.has("resume")
        assert reported.messages == [
            "protocol.pause_writing() failed",
            "protocol.resume_writing() failed",
        ]
        assert all(context["transport"] is left.transport for context in reported)

    run(main())


def test_a_protocol_can_close_in_pause_writing(run, pair, recorder):
    class Impatient(recorder):
        def pause_writing(self):
            super().pause_writing()
            self.transport.abort()

    async def main():
        async with pair(Impatient) as (left, right):
            right.transport.pause_reading()
            while "pause" not in left.names:
                left.transport.write(CHUNK)
            await left.has("lost")
            assert left.names == ["made", "pause", "lost"]

    run(main())


def test_a_protocol_that_writes_too_much_in_its_own_callback_is_paused(run, pair, recorder):
    class Talkative(recorder):
        def connection_made(self, transport):
            super().connection_made(transport)
            transport.write(b"x" * 10_000_000)

        def data_received(self, data):
            super().data_received(data)
            self.transport.write(b"x" * 10_000_000)

    async def main():
        async with pair(server=Talkative) as (left, right):
            await right.has("resume")
            right.events.clear()
            left.transport.write(b"more")
            await right.has("resume")
            assert right.names == ["data", "pause", "resume"]

    run(main())
