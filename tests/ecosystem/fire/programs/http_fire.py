"""Clients by the hundred or the ten thousand that stay, slow ones, half-closed ones, uploads that break off, and a server that
stops while requests are in flight.

    http_fire.py aiohttp|fastapi CLIENTS
"""

import asyncio
import collections
import contextlib
import itertools
import multiprocessing
import resource
import socket
import struct
import sys

import held
import ran_on
from http_server import BIG_BYTES, serve
from under_fire import GROWTH_KIB, note, rss_kib

RST_ON_CLOSE = struct.pack("ii", 1, 0)
SPARE_FDS = 200
SOME = 30
#: Where clients come from in turn: the ports of one address would not last, as a closed connection keeps its own for a minute.
ADDRESSES = itertools.cycle(f"127.0.1.{number}" for number in range(1, 201))


class Client:
    """A connection of HTTP/1.1."""

    async def connected(self, port):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(next(ADDRESSES), 0))
        return self

    def ask(self, path, method="GET", length=0):
        self.writer.write(f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode())

    async def answer(self):
        """The body; None if the connection ends before it does."""
        try:
            head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
            return await self.reader.readexactly(int(head.partition(b"content-length:")[2].split()[0]))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def get(self, path):
        self.ask(path)
        return await self.answer()

    async def close(self, how="FIN"):
        if how == "RST":
            sock = self.writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
            self.writer.transport.abort()
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


class Visit:
    def __init__(self, port, orders):
        self.port, self.orders = port, orders

    def tell(self, order):
        self.orders.send(order)
        return self.orders.recv()

    async def until(self, order, value):
        while self.tell(order) != value:
            await asyncio.sleep(0.01)

    async def clients(self, count):
        door = asyncio.Semaphore(100)  # what the server's backlog holds

        async def one():
            async with door:
                client = await Client().connected(self.port)
                assert await client.get("/hello") == b"hello"
                return client

        return await asyncio.gather(*(one() for _ in range(count)))


async def crowd(visit, framework, count):
    sizes, before = [], visit.tell("held")
    for _ in range(3):
        clients = await visit.clients(count)
        held_there = visit.tell("held")[0] - before[0]
        for _ in range(3):
            answers = await asyncio.gather(*(client.get("/hello") for client in clients))
            assert set(answers) == {b"hello"}
        # No resets: after one, uvicorn's timer for idle connections keeps the connection until it is due.
        await asyncio.gather(*(client.close() for client in clients))
        del clients, answers
        await visit.until("held", before)
        sizes.append((visit.tell("rss"), rss_kib()))
    note(name=f"{framework}, crowd", connections=held_there, rss_kib_there_and_here=sizes)
    print("crowd:", held_there)
    for where, early, late in zip(("server", "clients"), sizes[1], sizes[2], strict=True):
        print(where, "flat:", late <= early + GROWTH_KIB or sizes)


async def slow(visit):
    before = visit.tell("held")
    readers = await visit.clients(SOME)
    for client in readers:
        client.ask("/big")
    writers = await visit.clients(SOME)

    async def write(client):
        for byte in b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n":
            client.writer.write(bytes([byte]))
            await asyncio.sleep(0.001)
        return await client.answer()

    writing = asyncio.gather(*map(write, writers))
    others = await visit.clients(10 * SOME)
    print("slow: others served", len(others), "and writers", set(await writing))
    print("slow: readers", {len(body) == BIG_BYTES for body in await asyncio.gather(*(each.answer() for each in readers))})
    await asyncio.gather(*(client.close() for client in readers + writers + others))
    await visit.until("held", before)


async def half_closed(visit):
    before = visit.tell("held")
    clients = await visit.clients(SOME)
    for client in clients:
        client.ask("/wait")
    await visit.until("under way", SOME)
    for client in clients:
        client.writer.write_eof()
    for other in await visit.clients(2):  # what comes later is answered later than the ends were read
        await other.close()
    visit.tell("release")
    print("half-closed:", collections.Counter([await client.answer() for client in clients]))
    await asyncio.gather(*(client.close() for client in clients))
    await visit.until("held", before)
    print("half-closed, there:", visit.tell("ends"))


async def cut_uploads(visit):
    before = visit.tell("held")
    for how in "FIN", "half", "RST":
        clients = await visit.clients(SOME)
        for client in clients:
            client.ask("/upload", "POST", 1_000_000)
            client.writer.write(bytes(300_000))
        await visit.until("under way", SOME)
        for client in clients:
            if how == "half":
                client.writer.write_eof()
        if how == "half":
            await visit.until("under way", 0)
        await asyncio.gather(*(client.close(how) for client in clients))
        await visit.until("held", before)
        print("cut uploads:", how, visit.tell("ends"))
    clients = await visit.clients(SOME)
    for client in clients:
        client.ask("/upload", "POST", 1_000_000)
        client.writer.write(bytes(1_000_000))
    print("whole uploads:", {await client.answer() for client in clients})
    await asyncio.gather(*(client.close() for client in clients))


async def graceful_end(visit):
    idle, busy = await visit.clients(SOME), await visit.clients(SOME)
    for client in busy:
        client.ask("/wait")
    await visit.until("under way", SOME)
    visit.tell("stop")
    print("stopping: idle", {await client.reader.read() for client in idle})
    with contextlib.suppress(ConnectionRefusedError):
        while True:
            await (await Client().connected(visit.port)).close()
    print("stopping: busy still", visit.tell("under way") == SOME)
    visit.tell("release")
    print("stopping: busy", {await client.answer() for client in busy}, {await client.reader.read() for client in busy})
    await asyncio.gather(*(client.close() for client in idle + busy))


async def main(framework, count):
    ran_on.tell()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert hard >= int(count) + SPARE_FDS, f"ulimit -Hn is {hard}: not enough for {count} clients"
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    orders, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(framework, theirs))
    server.start()
    theirs.close()
    before = held.now()
    visit = Visit(orders.recv(), orders)
    await crowd(visit, framework, int(count))
    await slow(visit)
    await half_closed(visit)
    await cut_uploads(visit)
    await held.back_to(before)
    await graceful_end(visit)
    await held.back_to(before)
    server.join()
    print(server.exitcode)
    print("OK")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
