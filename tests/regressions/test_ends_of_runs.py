"""What was due when a run ends by KeyboardInterrupt or SystemExit is done by the next run.

Found in review by reading what a turn holds in its hands when an exception leaves it: ferrio took
the due timers and the finished look-ups out of their queues before it ran what was ready, and
dropped them with the turn; bytes written in the last turn stayed in the buffer.
"""

import asyncio
import os
import signal
import socket
import threading
import time

import pytest


@pytest.fixture(params=[KeyboardInterrupt, SystemExit], ids=lambda error: error.__name__)
def error(request):
    return request.param


@pytest.fixture
def boom(error):
    """A callback that ends the run."""

    def boom(*args):
        raise error("the end of the run")

    return boom


@pytest.fixture
def sockets():
    """Two connected non-blocking sockets."""
    pair = socket.socketpair()
    for sock in pair:
        sock.setblocking(False)
    yield pair
    for sock in pair:
        sock.close()


def runs_out(loop, error):
    with pytest.raises(error, match="the end of the run"):
        loop.run_forever()


def run_once_more(loop):
    """A run that is long enough for every timer that is due."""
    loop.run_until_complete(asyncio.sleep(0.005))


def be_late():
    """Long enough for a timer of 0 or 1 ms to be due at the next poll."""
    time.sleep(0.01)


def test_due_timers_behind_a_callback(loop, error, boom):
    seen = []
    now = loop.time()
    loop.call_soon(boom)
    for number in range(5):
        loop.call_at(now + number * 0.0001, seen.append, number)
    cancelled = loop.call_at(now, seen.append, "cancelled")
    be_late()
    runs_out(loop, error)
    cancelled.cancel()
    run_once_more(loop)
    assert seen == [0, 1, 2, 3, 4]
    run_once_more(loop)
    assert len(seen) == 5


def test_due_timers_behind_a_timer(loop, error, boom):
    seen = []
    now = loop.time()
    loop.call_at(now, seen.append, "before")
    loop.call_at(now + 0.0001, boom)
    loop.call_at(now + 0.0002, seen.append, "behind")
    be_late()
    runs_out(loop, error)
    assert seen == ["before"]
    run_once_more(loop)
    assert seen == ["before", "behind"]


def test_due_timers_behind_a_reader(loop, error, sockets):
    seen = []

    def read():
        loop.remove_reader(sockets[0])
        raise error("the end of the run")

    sockets[1].send(b"x")
    loop.add_reader(sockets[0], read)
    loop.call_later(0, seen.append, "timer")
    be_late()
    runs_out(loop, error)
    run_once_more(loop)
    assert seen == ["timer"]


def test_due_timers_behind_a_signal_handler(loop, error, boom):
    seen = []
    loop.add_signal_handler(signal.SIGUSR1, boom)
    loop.call_soon(os.kill, os.getpid(), signal.SIGUSR1)
    # As many turns as it takes; the last of them has a due timer.
    loop.call_soon(keep_busy, loop)
    timers = [loop.call_later(0.001 * number, seen.append, number) for number in range(20)]
    runs_out(loop, error)
    loop.call_later(0.025, loop.stop)
    loop.run_forever()
    assert seen == list(range(len(timers)))


def keep_busy(loop, turns=200):
    if turns:
        loop.call_soon(keep_busy, loop, turns - 1)


def test_other_readers_of_the_same_turn(loop, error, sockets):
    """The kernel says again what has not been read."""
    seen = []
    others = [socket.socketpair() for _ in range(5)]
    for number, (left, right) in enumerate(others):
        right.send(b"x")
        loop.add_reader(left, lambda sock, name: (sock.recv(1), seen.append(name)), left, number)

    def read():
        sockets[0].recv(1)
        raise error("the end of the run")

    sockets[1].send(b"x")
    loop.add_reader(sockets[0], read)
    runs_out(loop, error)
    run_once_more(loop)
    assert sorted(seen) == [0, 1, 2, 3, 4]
    loop.remove_reader(sockets[0])
    for left, right in others:
        loop.remove_reader(left)
        left.close()
        right.close()


def test_calls_of_other_threads(loop, error, boom):
    seen = []

    def post():
        thread = threading.Thread(target=loop.call_soon_threadsafe, args=(seen.append, "thread"))
        thread.start()
        thread.join()
        loop.call_soon(boom)

    loop.call_soon(post)
    runs_out(loop, error)
    run_once_more(loop)
    assert seen == ["thread"]


def test_sleeping_tasks_in_a_run_that_cleans_up(loop, error, boom):
    """As after Ctrl-C: the main task is left in the middle, the next run waits for the rest."""
    slept = []

    async def sleeper(number):
        await asyncio.sleep(0.001)
        slept.append(number)

    async def main():
        tasks = [loop.create_task(sleeper(number)) for number in range(5)]
        await asyncio.sleep(0)
        be_late()
        loop.call_soon(boom)
        await asyncio.sleep(0)
        await asyncio.wait(tasks)

    async def clean_up():
        await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})

    with pytest.raises(error):
        loop.run_until_complete(main())
    loop.run_until_complete(clean_up())
    assert slept == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("look_up", ["getaddrinfo", "getnameinfo"])
def test_finished_look_ups(loop, error, boom, look_up):
    arguments = {"getaddrinfo": ("localhost", 80), "getnameinfo": (("127.0.0.1", 80),)}[look_up]

    async def main():
        method = getattr(loop, look_up)
        tasks = [loop.create_task(method(*arguments)) for _ in range(5)]
        await asyncio.sleep(0)
        time.sleep(0.2)  # meanwhile other threads find the answers
        loop.call_soon(boom)
        await asyncio.sleep(0)
        return await asyncio.gather(*tasks)

    task = loop.create_task(main())
    with pytest.raises(error):
        loop.run_until_complete(task)
    found = loop.run_until_complete(task)
    assert len(found) == 5
    assert all(found)


def test_jobs_of_an_executor(loop, error, boom):
    async def main():
        jobs = [loop.run_in_executor(None, int, number) for number in range(5)]
        time.sleep(0.02)
        loop.call_soon(boom)
        await asyncio.sleep(0)
        return await asyncio.gather(*jobs)

    task = loop.create_task(main())
    with pytest.raises(error):
        loop.run_until_complete(task)
    assert loop.run_until_complete(task) == [0, 1, 2, 3, 4]


async def connect(loop, sock):
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=sock)
    return transport


def abort(loop, *transports):
    for transport in transports:
        transport.abort()
    run_once_more(loop)


def test_bytes_written_by_the_task_that_ends_the_run(loop, error, sockets):
    transports = []

    async def main():
        transports.append(await connect(loop, sockets[0]))
        transports[0].write(b"good")
        transports[0].write(b"bye")
        raise error("the end of the run")

    with pytest.raises(error):
        loop.run_until_complete(main())
    assert sockets[1].recv(100) == b"goodbye"
    abort(loop, *transports)


def test_bytes_written_before_a_callback_that_ends_the_run(loop, error, boom, sockets):
    transport = loop.run_until_complete(connect(loop, sockets[0]))
    loop.call_soon(transport.write, b"bye")
    loop.call_soon(boom)
    runs_out(loop, error)
    assert sockets[1].recv(100) == b"bye"
    abort(loop, transport)


def test_bytes_of_several_transports(loop, error, boom):
    pairs = [socket.socketpair() for _ in range(5)]
    for left, right in pairs:
        left.setblocking(False)
        right.setblocking(False)
    transports = [loop.run_until_complete(connect(loop, left)) for left, _ in pairs]

    def write():
        for transport in transports:
            transport.write(b"bye")
        boom()

    loop.call_soon(write)
    runs_out(loop, error)
    assert [right.recv(100) for _, right in pairs] == [b"bye"] * 5
    abort(loop, *transports)
    for _, right in pairs:
        right.close()
