"""add_reader, add_writer and their removal, also at the most awkward moments."""

import asyncio
import os
import socket

import pytest


def turns(loop, count=5):
    """Let the loop look at its descriptors a few times."""

    async def look():
        for _ in range(count):
            await asyncio.sleep(0.0005)

    loop.run_until_complete(look())


def test_a_reader_is_called_while_there_is_something_to_read(loop, ends):
    left, right = ends
    seen = []
    loop.add_reader(left, lambda *args: seen.append((args, left.recv(1))), "argument")
    turns(loop)
    assert seen == []
    right.send(b"abc")
    turns(loop)
    assert seen == [(("argument",), b"a"), (("argument",), b"b"), (("argument",), b"c")]
    assert loop.remove_reader(left) is True


def test_level_triggered(loop, ends):
    """What is not read is announced again."""
    left, right = ends
    calls = []
    loop.add_reader(left, calls.append, 1)
    right.send(b"x")
    turns(loop, 10)
    assert len(calls) >= 5
    loop.remove_reader(left)


def test_a_writer_is_called_while_there_is_room(loop, ends):
    left, _ = ends
    calls = []

    def ready():
        calls.append(1)
        if len(calls) == 3:
            assert loop.remove_writer(left) is True
            loop.stop()

    loop.add_writer(left, ready)
    loop.run_forever()
    turns(loop)
    assert len(calls) == 3


def test_reader_and_writer_of_one_descriptor_are_independent(loop, ends):
    left, right = ends
    seen = []
    loop.add_reader(left, lambda: seen.append(("read", left.recv(10))))
    loop.add_writer(left, lambda: (seen.append("write"), loop.remove_writer(left)))
    turns(loop)
    assert seen == ["write"]
    right.send(b"x")
    turns(loop)
    assert seen == ["write", ("read", b"x")]
    assert loop.remove_writer(left) is False
    assert loop.remove_reader(left) is True
    assert loop.remove_reader(left) is False


def test_adding_again_replaces_the_callback(loop, ends):
    left, right = ends
    seen = []
    loop.add_reader(left, seen.append, "first")
    loop.add_reader(left, lambda: (seen.append("second"), left.recv(10)))
    right.send(b"x")
    turns(loop)
    assert seen == ["second"]
    loop.remove_reader(left)


@pytest.mark.parametrize("by", ["object", "number"])
def test_by_object_and_by_number(loop, ends, by):
    left, right = ends
    fd = left if by == "object" else left.fileno()
    seen = []
    loop.add_reader(fd, lambda: seen.append(left.recv(10)))
    right.send(b"x")
    turns(loop)
    assert seen == [b"x"]
    assert loop.remove_reader(left.fileno()) is True


def test_removed_in_its_own_callback(loop, ends):
    left, right = ends
    calls = []
    loop.add_reader(left, lambda: (calls.append(1), loop.remove_reader(left)))
    right.send(b"x")
    turns(loop)
    assert calls == [1]


def test_removed_by_another_callback_of_the_same_turn(loop):
    """Both are ready at once; the first removes the second, which must not be called any more."""
    pairs = [socket.socketpair() for _ in range(2)]
    seen = []

    def ready(me, other):
        seen.append(me)
        loop.remove_reader(pairs[other][0])
        pairs[me][0].recv(10)

    for me in range(2):
        pairs[me][1].send(b"x")
        loop.add_reader(pairs[me][0], ready, me, 1 - me)
    turns(loop)
    assert len(seen) == 1
    for left, right in pairs:
        loop.remove_reader(left)
        left.close()
        right.close()


def test_closed_and_reused_by_another_callback_of_the_same_turn(loop):
    """The number of a closed descriptor may belong to something new before the turn is over."""
    pairs = [socket.socketpair() for _ in range(2)]
    seen, extra = [], []

    def ready(me, other):
        seen.append(me)
        pairs[me][0].recv(10)
        if not extra:
            number = pairs[other][0].fileno()
            loop.remove_reader(number)
            pairs[other][0].close()
            reading, writing = os.pipe()
            os.dup2(reading, number)
            extra.extend((reading, writing, number))
            loop.add_reader(number, seen.append, "reused")

    for me in range(2):
        pairs[me][1].send(b"x")
        loop.add_reader(pairs[me][0], ready, me, 1 - me)
    turns(loop)
    assert len(seen) == 1, "the new owner of the number has nothing to read"
    os.write(extra[1], b"y")
    loop.call_later(0.002, loop.remove_reader, extra[2])
    turns(loop, 20)
    assert set(seen[1:]) == {"reused"}
    for left, right in pairs:
        if left.fileno() >= 0:
            loop.remove_reader(left)
        left.close()
        right.close()
    for fd in set(extra):
        os.close(fd)


def test_a_number_used_again_and_again(loop):
    seen = []
    for number in range(50):
        left, right = socket.socketpair()
        loop.add_reader(
            left, lambda left=left, number=number: (seen.append(number), left.recv(1), loop.stop())
        )
        right.send(b"x")
        loop.run_forever()
        assert loop.remove_reader(left) is True
        left.close()
        right.close()
    assert seen == list(range(50))


def test_a_descriptor_closed_without_telling_the_loop(loop):
    """epoll forgets a closed descriptor by itself; the number is then free for a new watcher."""
    # A loop may open descriptors of its own at its first run; they must not get the number.
    turns(loop)
    left, right = socket.socketpair()
    loop.add_reader(left, lambda: None)
    number = left.fileno()
    left.close()
    right.close()
    turns(loop)
    reading, writing = os.pipe()
    os.dup2(reading, number)
    seen = []
    loop.remove_reader(number)
    loop.add_reader(number, lambda: (seen.append(os.read(number, 1)), loop.stop()))
    os.write(writing, b"x")
    loop.run_forever()
    assert seen == [b"x"]
    loop.remove_reader(number)
    for fd in {reading, writing, number}:
        os.close(fd)


def test_the_peers_end_is_readable(loop, ends):
    left, right = ends
    seen = []
    loop.add_reader(left, lambda: (seen.append(left.recv(10)), loop.stop()))
    right.close()
    loop.run_forever()
    assert seen == [b""]
    loop.remove_reader(left)


def test_a_writer_whose_peer_is_gone_is_called(loop, ends):
    left, right = ends
    try:
        while True:
            left.send(b"x" * 10_000)
    except BlockingIOError:
        pass
    called = []
    loop.add_writer(left, lambda: (called.append(1), loop.remove_writer(left), loop.stop()))
    right.close()
    loop.run_forever()
    assert called == [1]


def test_a_pipe(loop):
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    seen = []
    loop.add_reader(reading, lambda: seen.append(os.read(reading, 10)))
    loop.call_soon(os.write, writing, b"x")
    turns(loop)
    os.close(writing)
    loop.call_later(0.001, loop.remove_reader, reading)
    turns(loop)
    assert seen[0] == b"x"
    assert set(seen[1:]) <= {b""}
    os.close(reading)


def test_a_file_on_disk_cannot_be_watched(loop, tmp_path):
    with open(tmp_path / "file", "w+") as file:
        with pytest.raises(PermissionError):
            loop.add_reader(file, print)
    assert loop.run_until_complete(asyncio.sleep(0, "fine")) == "fine"


@pytest.mark.parametrize("junk", [None, "text", 1.5, object(), -1])
@pytest.mark.parametrize("method", ["add_reader", "add_writer"])
def test_what_is_no_descriptor(loop, junk, method):
    with pytest.raises((ValueError, TypeError)):
        getattr(loop, method)(junk, print)


@pytest.mark.parametrize("junk", [None, "text", 1.5, object()])
@pytest.mark.parametrize("method", ["remove_reader", "remove_writer"])
def test_removing_what_is_no_descriptor(loop, junk, method):
    with pytest.raises((ValueError, TypeError)):
        getattr(loop, method)(junk)


def test_a_closed_descriptor_cannot_be_added(loop):
    left, right = socket.socketpair()
    number = left.fileno()
    left.close()
    right.close()
    with pytest.raises(OSError):
        loop.add_reader(number, print)
    with pytest.raises(ValueError):
        loop.add_reader(left, print)


def test_removing_what_was_never_added(loop, ends):
    assert loop.remove_reader(ends[0]) is False
    assert loop.remove_writer(ends[0]) is False
    assert loop.remove_reader(9_999) is False


def test_a_callback_that_raises_is_reported_and_called_again(loop, ends, reported):
    loop.set_exception_handler(reported)
    left, right = ends

    def broken():
        left.recv(1)
        raise LookupError("reader")

    loop.add_reader(left, broken)
    right.send(b"ab")
    turns(loop)
    assert [str(context["exception"]) for context in reported] == ["reader", "reader"]
    loop.remove_reader(left)


def test_the_descriptor_of_a_transport_is_refused(run):
    async def main():
        loop = asyncio.get_running_loop()
        left, right = socket.socketpair()
        left.setblocking(False)
        transport, _ = await loop.create_unix_connection(asyncio.Protocol, sock=left)
        for method in (loop.add_reader, loop.add_writer):
            with pytest.raises(RuntimeError, match=r"^File descriptor .* is used by transport <"):
                method(transport.get_extra_info("socket"), print)
            with pytest.raises(RuntimeError, match=r"^File descriptor .* is used by transport <"):
                method(left.fileno(), print)
        transport.abort()
        await asyncio.sleep(0.001)
        right.close()

    run(main())


def test_a_hundred_at_once(loop):
    pairs = [socket.socketpair() for _ in range(100)]
    seen = set()
    for number, (left, right) in enumerate(pairs):
        loop.add_reader(left, lambda number=number, left=left: (left.recv(1), seen.add(number)))
        right.send(b"x")
    turns(loop, 10)
    assert seen == set(range(100))
    for left, right in pairs:
        loop.remove_reader(left)
        left.close()
        right.close()


def test_closing_the_loop_forgets_its_watchers(loop, ends):
    import weakref

    class Callback:
        def __call__(self):
            pass

    callback = Callback()
    gone = weakref.ref(callback)
    loop.add_reader(ends[0], callback)
    loop.add_writer(ends[0], callback)
    del callback
    loop.close()
    assert gone() is None


def contexts(error):
    while error := error.__context__:
        yield error


def test_an_error_knows_what_was_being_handled(loop):
    with open(__file__) as file:
        try:
            raise LookupError("first")
        except LookupError as first:
            with pytest.raises(PermissionError) as caught:
                loop.add_reader(file, print)
            # asyncio's selector has looked for the descriptor in between.
            assert first in contexts(caught.value)
