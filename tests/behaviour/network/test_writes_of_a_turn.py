"""When what a callback has written is seen by the peer, beside the other callbacks of its turn."""

import asyncio
import socket
import time

import pytest
from turns import arrived


@pytest.fixture
def two_connections(loop, recorder):
    """Two connected transports of the loop, each with the other end as a socket."""

    async def connect():
        for ours, _ in pairs:
            transport, protocol = await loop.create_connection(recorder, sock=ours)
            connections.append((transport, protocol))

    async def disconnect():
        for transport, protocol in connections:
            transport.abort()
            await protocol.has("lost")

    pairs, connections = [socket.socketpair() for _ in range(2)], []
    for _, theirs in pairs:
        theirs.setblocking(False)
    loop.run_until_complete(connect())
    yield [(transport, theirs) for (transport, _), (_, theirs) in zip(connections, pairs, strict=True)]
    loop.run_until_complete(disconnect())
    for _, theirs in pairs:
        theirs.close()


def in_one_turn(loop, *callbacks):
    """Call them in one turn, and stop in the next."""
    for callback in callbacks:
        loop.call_soon(callback)
    loop.call_soon(loop.call_soon, loop.stop)
    loop.run_forever()


def test_it_has_left_when_the_next_turn_begins(loop, two_connections):
    (one, from_one), (two, from_two) = two_connections
    seen = []

    def look():
        seen.extend([arrived(from_one), arrived(from_two)])

    in_one_turn(
        loop, lambda: one.write(b"1"), lambda: loop.call_soon(look), lambda: two.write(b"2"), lambda: one.write(b"3")
    )
    assert seen == [b"13", b"2"]


def test_it_does_not_wait_for_a_long_turn_to_end(loop, two_connections):
    (one, from_one), (two, from_two) = two_connections
    seen = []

    def work():
        time.sleep(0.001)

    def look():
        seen.append((arrived(from_one), arrived(from_two)))

    in_one_turn(loop, lambda: one.write(b"1"), work, look, lambda: two.write(b"2"), work, look)
    assert seen == [(b"1", b""), (b"", b"2")]


def test_tasks_of_a_long_turn(loop, two_connections):
    seen = []

    async def write(transport, data):
        transport.write(data)
        time.sleep(0.001)

    async def look():
        seen.append([arrived(theirs) for _, theirs in two_connections])

    async def main():
        (one, _), (two, _) = two_connections
        await asyncio.gather(write(one, b"1"), write(two, b"2"), look())
        seen.append([arrived(theirs) for _, theirs in two_connections])

    loop.run_until_complete(main())
    first, last = seen
    assert first[0] == b"1"
    assert [a + b for a, b in zip(first, last, strict=True)] == [b"1", b"2"]


def test_what_data_received_writes_arrives(run, pair, recorder):
    class Echo(recorder):
        def data_received(self, data):
            super().data_received(data)
            self.transport.write(data)
            asyncio.get_running_loop().call_soon(looked.append, 1)

    looked = []

    async def main():
        async with pair(server=Echo) as (left, right):
            left.transport.write(b"there and back")
            assert await left.received(14) == b"there and back"
            assert looked

    run(main())


def test_what_data_received_writes_has_left_when_the_next_turn_begins(run, ends, recorder):
    ours, theirs = ends

    class Echo(recorder):
        def data_received(self, data):
            super().data_received(data)
            self.transport.write(data)
            asyncio.get_running_loop().call_soon(lambda: seen.set_result(arrived(theirs)))

    async def main():
        nonlocal seen
        seen = asyncio.get_running_loop().create_future()
        transport, protocol = await asyncio.get_running_loop().create_connection(Echo, sock=ours)
        theirs.send(b"there and back")
        assert await seen == b"there and back"
        transport.close()
        await protocol.has("lost")

    seen = None
    run(main())


@pytest.mark.parametrize("ending", ["stop", "interrupt"])
def test_the_end_of_a_run_in_the_same_turn(loop, two_connections, ending):
    (one, from_one), _ = two_connections

    def interrupt():
        raise KeyboardInterrupt

    loop.call_soon(one.write, b"last words")
    if ending == "stop":
        loop.call_soon(loop.stop)
        loop.run_forever()
    else:
        loop.call_soon(interrupt)
        with pytest.raises(KeyboardInterrupt):
            loop.run_forever()
    assert arrived(from_one) == b"last words"


@pytest.mark.parametrize("ending", ["close", "abort", "write_eof"])
def test_the_end_of_the_connection_in_the_same_turn(loop, two_connections, ending):
    (one, from_one), _ = two_connections
    in_one_turn(loop, lambda: one.write(b"last words"), lambda: getattr(one, ending)())
    assert arrived(from_one) == b"last words"


def test_asking_in_the_same_turn_whether_it_has_left(loop, two_connections):
    (one, from_one), _ = two_connections
    sizes = []
    in_one_turn(loop, lambda: one.write(b"all"), lambda: sizes.append(one.get_write_buffer_size()))
    assert sizes == [0]
    assert arrived(from_one) == b"all"


@pytest.mark.parametrize("size", [20_000, 70_000])
def test_pieces_that_take_long_to_make_leave_one_by_one(loop, two_connections, size):
    (one, from_one), _ = two_connections
    seen = []

    def work():
        one.write(b"1" * size)
        time.sleep(0.001)
        one.write(b"2" * size)
        seen.append(arrived(from_one)[:size])

    in_one_turn(loop, work)
    assert seen == [b"1" * size]


def test_a_piece_that_is_large_leaves_in_the_write(loop, two_connections):
    (one, from_one), _ = two_connections
    seen = []

    def work():
        one.write(b"1" * 100_000)
        seen.append(arrived(from_one))

    in_one_turn(loop, work)
    assert seen == [b"1" * 100_000]
