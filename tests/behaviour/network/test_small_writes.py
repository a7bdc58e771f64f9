"""Many small writes of one callback leave together; whatever may happen between two of them happens where it would otherwise."""

import asyncio
import contextlib
import random
import socket

import pytest
from turns import arrived

PIECES = [bytes([65 + number % 26]) * (number % 40) for number in range(60)]


@contextlib.asynccontextmanager
async def connected(recorder):
    """A transport, its protocol, and the other end as a socket."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    with theirs:
        transport, protocol = await asyncio.get_running_loop().create_connection(recorder, sock=ours)
        yield transport, protocol, theirs
        transport.abort()
        await protocol.has("lost")


def write_all(transport, pieces=PIECES):
    for piece in pieces:
        transport.write(piece)
    return b"".join(pieces)


@pytest.mark.parametrize("seed", range(5))
def test_pieces_of_all_sizes_and_kinds(run, pair, any_recorder, seed):
    async def main():
        async with pair(server=any_recorder) as (left, right):
            dice, written = random.Random(seed), b""
            for _ in range(300):
                piece = dice.randbytes(dice.choice([0, 1, 32, 200, 511, 512, 2000, 4096]))
                left.transport.write(dice.choice([bytes, bytes, bytes, bytearray, memoryview])(piece))
                written += piece
                if dice.random() < 0.02:
                    await asyncio.sleep(0)
            assert await right.received(len(written)) == written

    run(main())


@pytest.mark.parametrize("ending", ["close", "abort", "write_eof"])
def test_what_was_written_before_the_end_arrives(run, recorder, ending):
    async def main():
        async with connected(recorder) as (transport, protocol, theirs):
            written = write_all(transport)
            getattr(transport, ending)()
            # Nothing that comes after it does.
            if ending == "write_eof":
                for data in (b"after", b""):
                    with pytest.raises(RuntimeError, match="after write_eof"):
                        transport.write(data)
            else:
                write_all(transport)
                await protocol.has("lost")
            assert arrived(theirs) == written

    run(main())


@pytest.mark.parametrize("ending", ["close", "abort"])
def test_writes_after_the_end_are_warned_about(run, recorder, log, ending):
    async def main():
        async with connected(recorder) as (transport, protocol, theirs):
            write_all(transport)
            getattr(transport, ending)()
            for _ in range(7):
                transport.write(b"dropped")
            warnings = [record.message for record in log.records if record.levelname == "WARNING"]
            assert warnings == ["socket.send() raised exception."] * 3

    run(main())


def test_what_is_not_bytes_between_small_pieces(run, recorder):
    async def main():
        async with connected(recorder) as (transport, _, theirs):
            written = write_all(transport)
            with pytest.raises(TypeError):
                transport.write("text")
            written += write_all(transport)
            assert transport.get_write_buffer_size() == 0
            assert arrived(theirs) == written

    run(main())


class Odd(bytes):
    """Says that it is shorter than it is."""

    def __len__(self):
        return 1


def test_subclasses_of_bytes(run, recorder):
    async def main():
        async with connected(recorder) as (transport, _, theirs):
            written = write_all(transport)
            transport.write(memoryview(Odd(b"whole")))
            written += b"whole" + write_all(transport)
            assert transport.get_write_buffer_size() == 0
            assert arrived(theirs) == written

    run(main())


@pytest.mark.parametrize("more", [0, 1, 100, 5000, 100_000])
def test_the_piece_that_crosses_the_mark_pauses(run, recorder, more):
    async def main():
        async with connected(recorder) as (transport, protocol, theirs):
            transport.set_write_buffer_limits(high=1_000_000_000)
            while not transport.get_write_buffer_size():
                transport.write(b"x" * 100_000)
            # From here on the kernel takes nothing.
            before = transport.get_write_buffer_size()
            transport.set_write_buffer_limits(high=before + more)
            for written in range(0, more - 24, 25):
                transport.write(b"y" * 25)
                assert transport.get_write_buffer_size() == before + written + 25
            transport.write(b"y" * (more % 25))
            transport.write(b"")
            assert protocol.names == ["made"]
            transport.write(b"z")
            assert protocol.names == ["made", "pause"]
            write_all(transport)
            assert protocol.names == ["made", "pause"]
            assert transport.get_write_buffer_size() == before + more + 1 + sum(map(len, PIECES))

    run(main())


def test_the_mark_is_lowered_between_small_pieces(run, recorder):
    async def main():
        async with connected(recorder) as (transport, protocol, theirs):
            written = write_all(transport)
            transport.set_write_buffer_limits(high=10)
            written += write_all(transport)
            # The kernel has taken everything.
            assert protocol.names == ["made"]
            assert transport.get_write_buffer_size() == 0
            assert arrived(theirs) == written

    run(main())


def test_two_transports_in_turns(run, recorder):
    async def main():
        async with connected(recorder) as (one, _, from_one), connected(recorder) as (two, _, from_two):
            for piece in PIECES:
                one.write(piece)
                two.write(piece + b"!")
            assert one.get_write_buffer_size() == two.get_write_buffer_size() == 0
            assert arrived(from_one) == b"".join(PIECES)
            assert arrived(from_two) == b"!".join([*PIECES, b""])

    run(main())


def test_nothing_waits_for_a_loop_that_has_been_left(loop, recorder):
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    transport, protocol = loop.run_until_complete(loop.create_connection(recorder, sock=ours))
    written = b""

    def leave():
        nonlocal written
        written += write_all(transport)
        raise SystemExit(3)

    loop.call_soon(leave)
    with pytest.raises(SystemExit):
        loop.run_forever()
    written += write_all(transport)
    assert arrived(theirs) == written
    transport.abort()
    loop.run_until_complete(protocol.has("lost"))
    theirs.close()
