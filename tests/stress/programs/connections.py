"""Very many connections at once between two processes, each with its own text there and back while
all are open.

    python connections.py MODULE COUNT              a server, which starts the clients
    python connections.py MODULE clients COUNT PORT
"""

import asyncio
import json
import os
import subprocess
import sys

import books

#: Descriptors that are not connections.
OTHERS = 100
AT_ONCE = 500
#: With so many addresses no pair of them runs out of ports.
ADDRESSES = [f"127.0.0.{number}" for number in range(1, 9)]


def text(number):
    """What connection `number` says, of a length of its own."""
    return (b"%d " % number) * (1 + number % 40) + b"\n"


async def serve(count):
    before = books.Books()
    count = min(count, books.allow_descriptors(count + OTHERS) - OTHERS)
    handlers = []
    most = 0
    everybody = asyncio.Event()

    async def echo(reader, writer):
        nonlocal most
        handlers.append(asyncio.current_task())
        most += 1
        if most == count:
            everybody.set()
        first = await reader.readline()
        # Answered only when all are there: that many are open at once.
        await everybody.wait()
        writer.write(first)
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(echo, "0.0.0.0", 0, backlog=4096)
    port = server.sockets[0].getsockname()[1]
    clients = await asyncio.create_subprocess_exec(
        sys.executable,
        __file__,
        sys.argv[1],
        "clients",
        str(count),
        str(port),
        stdout=subprocess.PIPE,
    )
    out, _ = await clients.communicate()
    assert clients.returncode == 0
    assert json.loads(out) == count
    await asyncio.wait(handlers)
    server.close()
    await server.wait_closed()
    assert most == count == len(handlers)
    for task in handlers:
        task.result()
    del handlers, task
    await before.balance("server")
    return count


async def connect(count, port):
    before = books.Books()
    allowed = books.allow_descriptors(count + OTHERS)
    assert allowed >= count + OTHERS, allowed
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number):
        async with gate:
            reader, writer = await asyncio.open_connection(ADDRESSES[number % len(ADDRESSES)], port)
        said = text(number)
        writer.write(said)
        assert await reader.readexactly(len(said)) == said
        # All over again, in pieces.
        for start in range(0, len(said), 50):
            writer.write(said[start : start + 50])
        writer.write_eof()
        assert await reader.read() == said
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*map(one, range(count)))
    await before.balance("clients")
    return count


if __name__ == "__main__":
    if sys.argv[2] == "clients":
        del sys.argv[2]
        books.program(connect, int, int)
    else:
        books.program(serve, int)
