"""A connection that answers once a turn, again and again: its answers leave in `write`, where nothing else is to be done."""

import asyncio
import contextlib

import pytest
from turns import arrived


@contextlib.asynccontextmanager
async def answering(recorder, ends):
    """A connection that answers as it is told, with the habit of one write a turn: its transport, its protocol, how to ask it
    (what has come by the end of `data_received`), and the other end."""
    ours, theirs = ends

    class Answering(recorder):
        answers = (b"1",)

        def data_received(self, data):
            super().data_received(data)
            for answer in self.answers:
                self.transport.write(answer)
            seen.set_result(arrived(theirs))

    async def ask():
        nonlocal seen
        seen = asyncio.get_running_loop().create_future()
        theirs.send(b"?")
        return await seen

    seen = None
    transport, protocol = await asyncio.get_running_loop().create_connection(Answering, sock=ours)
    for _ in range(20):
        last = await ask() + arrived(theirs)
        assert last == b"1"
    yield transport, protocol, ask, theirs
    transport.abort()
    await protocol.has("lost")


def test_it_has_left_when_write_returns(run, ends, recorder):
    async def main():
        async with answering(recorder, ends) as (_, _, ask, _):
            assert [await ask() for _ in range(5)] == [b"1"] * 5

    run(main())


def test_several_writes_of_a_turn_after_that(run, ends, recorder):
    async def main():
        async with answering(recorder, ends) as (_, protocol, ask, theirs):
            for count in [3, 1, 2, *[1] * 20, 9, 1]:
                protocol.answers = [bytes([49 + number]) for number in range(count)]
                assert await ask() + arrived(theirs) == b"123456789"[:count]

    run(main())


def test_the_peer_has_gone(run, ends, recorder):
    async def main():
        async with answering(recorder, ends) as (transport, protocol, ask, theirs):

            def leave():
                theirs.close()
                transport.write(b"too late")
                # The protocol hears of it after this callback, not in it.
                assert "lost" not in protocol.names

            asyncio.get_running_loop().call_soon(leave)
            await protocol.has("lost")
            assert transport.is_closing()

    run(main())


@pytest.mark.parametrize("ending", ["close", "abort", "write_eof"])
def test_the_end_behind_it(run, ends, recorder, ending):
    async def main():
        async with answering(recorder, ends) as (transport, protocol, ask, theirs):
            assert await ask() == b"1"
            transport.write(b"last")
            getattr(transport, ending)()
            await asyncio.sleep(0)
            assert arrived(theirs) == b"last"

    run(main())


def test_what_the_kernel_refuses_comes_later(run, ends, recorder):
    size = 60_000

    async def main():
        async with answering(recorder, ends) as (transport, _, _, theirs):
            written = came = 0
            while not transport.get_write_buffer_size():
                asyncio.get_running_loop().call_soon(transport.write, b"x" * size)
                await asyncio.sleep(0)
                written += size
            while came < written:
                came += len(arrived(theirs))
                await asyncio.sleep(0)
            assert (came, transport.get_write_buffer_size()) == (written, 0)

    run(main())
