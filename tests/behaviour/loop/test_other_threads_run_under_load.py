"""A loop that always finds something to do in the kernel lets other threads have the interpreter all the same."""

import asyncio
import sys
import threading
import time

import pytest

#: Far more than the other thread needs turns of.
MOST_MESSAGES = 200_000
MOST_STEPS = 200_000


class Game:
    """Bytes that go to and fro until the other thread has ended, or there were too many."""

    def __init__(self, other):
        self.over = asyncio.get_running_loop().create_future()
        self.messages = 0
        self.other = other

    def count(self):
        self.messages += 1
        if (self.other.ended or self.messages >= MOST_MESSAGES) and not self.over.done():
            self.over.set_result(None)
        return not self.over.done()


class Player(asyncio.Protocol):
    def __init__(self, game):
        self.game = game

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        if self.game.count():
            self.transport.write(data)


@pytest.fixture
def patience(flavour):
    """Who has the interpreter keeps it until it lets go."""
    if flavour.name == "asyncio":
        pytest.skip("asyncio lets go for the length of a system call, in which the other thread must wake up and take it")
    before = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    yield
    sys.setswitchinterval(before)


class Other(threading.Thread):
    """Needs the interpreter again and again."""

    def __init__(self):
        super().__init__()
        self.ended = False

    def run(self):
        for _ in range(200):
            time.sleep(0)
        self.ended = True


@pytest.mark.parametrize("balls", [1, 10])
def test_a_thread_gets_its_turns_beside_busy_connections(loop, patience, balls):
    async def main():
        other = Other()
        game = Game(other)
        server = await loop.create_server(lambda: Player(game), "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        players = [await loop.create_connection(lambda: Player(game), *address) for _ in range(balls)]
        other.start()
        for transport, _ in players:
            transport.write(b"ball")
        await game.over
        for transport, _ in players:
            transport.close()
        server.close()
        await server.wait_closed()
        return other

    other = loop.run_until_complete(main())
    assert other.ended
    other.join()


def test_a_thread_gets_its_turns_beside_busy_tasks(loop, patience):
    async def step(other):
        for _ in range(MOST_STEPS):
            if other.ended:
                break
            await asyncio.sleep(0)

    async def main():
        other = Other()
        other.start()
        await asyncio.gather(*(step(other) for _ in range(10)))
        return other

    other = loop.run_until_complete(main())
    assert other.ended
    other.join()


def test_jobs_of_a_pool_end_beside_a_thread_that_computes(loop):
    ended = False

    def compute():
        count = 0
        while not ended:
            count += 1
        return count

    async def main():
        nonlocal ended
        busy = loop.run_in_executor(None, compute)
        done = [await loop.run_in_executor(None, lambda: number) for number in range(5)]
        ended = True
        return done, await busy

    done, count = loop.run_until_complete(main())
    assert done == [0, 1, 2, 3, 4] and count > 0
