"""What is left of a sock_* call that has waited, when its socket is closed, watched or waited for again."""

import asyncio
import contextlib
import gc
import socket

import pytest
from turns import settle


def number_of(number, make):
    """A socket pair whose first end has a number that somebody has closed."""
    kept = []
    while True:
        pair = make()
        if pair[0].fileno() == number:
            for spare in kept:
                spare.close()
            return pair
        # The lowest free number is given out first, so it is one of the next ones.
        assert pair[0].fileno() < number + 10
        kept += pair


@pytest.mark.parametrize("how", ["answered", "cancelled"])
@pytest.mark.parametrize("old", ["gone", "duplicated", "duplicated and readable"])
@pytest.mark.parametrize("next_user", ["recv", "reader", "transport"])
def test_the_number_of_a_socket_that_has_waited_goes_to_another(run, recorder, how, old, next_user):
    async def main():
        loop = asyncio.get_running_loop()
        first, peer = socket.socketpair()
        first.setblocking(False)
        task = asyncio.create_task(loop.sock_recv(first, 10))
        await settle()
        if how == "answered":
            peer.send(b"x")
            assert await task == b"x"
        else:
            task.cancel()
            await asyncio.wait([task])
        number = first.fileno()
        duplicate = None if old == "gone" else first.dup()
        first.close()
        second, other = number_of(number, socket.socketpair)
        second.setblocking(False)
        if next_user == "recv":
            task = asyncio.create_task(loop.sock_recv(second, 10))
        elif next_user == "reader":
            task = loop.create_future()
            loop.add_reader(second, lambda: task.done() or task.set_result(second.recv(10)))
        else:
            transport, protocol = await loop.create_unix_connection(recorder, sock=second)
            task = asyncio.create_task(protocol.received(3))
        await settle()
        if old == "duplicated and readable":
            peer.send(b"for the duplicate")
        await settle()
        assert not task.done()
        other.send(b"new")
        assert await task == b"new"
        if next_user == "reader":
            assert loop.remove_reader(second)
        elif next_user == "transport":
            transport.abort()
            await protocol.has("lost")
        if duplicate is not None:
            duplicate.close()
        for sock in (peer, second, other):
            sock.close()

    run(main())


def test_a_reader_between_two_calls(run, ends):
    left, right = ends

    async def main():
        loop = asyncio.get_running_loop()
        for _ in range(3):
            task = asyncio.create_task(loop.sock_recv(left, 10))
            await settle()
            right.send(b"call")
            assert await task == b"call"
            called = 0

            def read():
                nonlocal called
                called += 1
                if called == 3:
                    left.recv(10)

            loop.add_reader(left, read)
            await settle()
            assert called == 0
            right.send(b"reader")
            # It is told as long as there is something to read.
            while called < 3:
                await asyncio.sleep(0)
            assert loop.remove_reader(left) is True
            assert loop.remove_reader(left) is False

    run(main())


@pytest.mark.parametrize("first", ["recv", "send"])
@pytest.mark.parametrize("other", ["answered", "cancelled"])
def test_one_of_two_directions_ends_and_the_other_goes_on(run, ends, first, other):
    left, right = ends
    data = b"x" * 3_000_000

    async def main():
        loop = asyncio.get_running_loop()
        calls = {
            "recv": lambda: loop.sock_recv(left, 10),
            "send": lambda: loop.sock_sendall(left, data),
        }
        names = [first, *(name for name in calls if name != first)]
        for ends_first in names:
            tasks = {}
            for name in names:
                tasks[name] = asyncio.create_task(calls[name]())
                await settle()
            for name in sorted(names, key=lambda name: name != ends_first):
                task = tasks[name]
                assert not task.done()
                if name == ends_first and other == "cancelled":
                    task.cancel()
                    await asyncio.wait([task])
                elif name == "recv":
                    right.send(b"answer")
                    assert await task == b"answer"
                else:
                    while not task.done():
                        await loop.sock_recv(right, 1 << 20)
            right.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while right.recv(1 << 20):
                    pass

    run(main())


@pytest.mark.parametrize("end", [SystemExit, KeyboardInterrupt])
def test_an_answer_that_came_with_the_end_of_a_run_is_there_in_the_next(loop, end):
    pairs = [socket.socketpair() for _ in range(3)]
    for left, _ in pairs:
        left.setblocking(False)
    try:
        # One before and one behind the reader that ends the run, whatever order events come in.
        (first, _), (reading, _), (last, _) = pairs
        calls = [loop.create_task(loop.sock_recv(sock, 10)) for sock in (first, last)]

        def leave():
            reading.recv(10)
            raise end

        loop.add_reader(reading, leave)
        for _ in range(3):
            loop.run_until_complete(asyncio.sleep(0))
        for _, right in pairs:
            right.send(b"x")
        with pytest.raises(end):
            loop.run_forever()
        assert loop.run_until_complete(asyncio.gather(*calls)) == [b"x", b"x"]
        loop.remove_reader(reading)
    finally:
        for pair in pairs:
            for sock in pair:
                sock.close()


def sending(loop, sock, data):
    """A call that sends the data, more than there is room for, and waits."""
    return loop.create_task(loop.sock_sendall(sock, data))


@pytest.mark.parametrize("how", ["sent", "cancelled", "failed"])
def test_what_is_being_sent_keeps_its_size_until_the_call_is_over(run, ends, how):
    left, right = ends
    size = 2_000_000

    async def main():
        loop = asyncio.get_running_loop()
        data = bytearray(b"x" * size)
        task = sending(loop, ends[0], data)
        await settle()
        for change in (data.clear, lambda: data.append(1)):
            with pytest.raises(BufferError):
                change()
        data[-1:] = b"y"
        if how == "sent":
            got = b""
            while len(got) < size:
                got += await loop.sock_recv(right, size)
            await task
            assert got == b"x" * (size - 1) + b"y"
        elif how == "cancelled":
            task.cancel()
            await asyncio.wait([task])
        else:
            right.close()
            await asyncio.wait([task])
            assert isinstance(task.exception(), OSError)
            # The traceback of asyncio's error refers to the view.
            del task
            gc.collect()
        data.clear()

    run(main())


def test_a_view_released_while_it_is_sent(run, ends):
    left, right = ends
    size = 2_000_000

    async def main():
        loop = asyncio.get_running_loop()
        view = memoryview(bytearray(size))
        task = sending(loop, left, view)
        await settle()
        view.release()
        count = 0
        while count < size:
            count += len(await loop.sock_recv(right, size))
        await task

    run(main())


def test_what_was_being_sent_when_the_loop_was_closed_is_let_go(loop, ends, log):
    data = bytearray(2_000_000)

    async def main():
        waiting = sending(loop, ends[0], data)
        await settle()
        with pytest.raises(BufferError):
            data.clear()
        return waiting

    waiting = loop.run_until_complete(main())
    loop.close()
    # asyncio's task keeps it as long as there is one.
    del waiting
    gc.collect()
    data.clear()
