"""A server that can hold a few connections at a time and is asked by very many: it runs out of
descriptors again and again, and in the end everybody has been served.

    python full_table.py MODULE COUNT               a server, which starts the clients
    python full_table.py MODULE clients COUNT PORT
"""

import asyncio
import errno
import os
import resource
import subprocess
import sys

import books

#: So many connections fit in.
PLACES = 40


async def serve(count):
    loop = asyncio.get_running_loop()
    before = books.Books()
    problems = []
    served = 0
    everybody = asyncio.Event()
    loop.set_exception_handler(lambda loop, context: problems.append(context))

    async def reply(reader, writer):
        nonlocal served
        writer.write((await reader.readline()).upper())
        await reader.read()
        writer.close()
        await writer.wait_closed()
        served += 1
        if served == count:
            everybody.set()

    server = await asyncio.start_server(reply, "127.0.0.1", 0, backlog=count)
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
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.open("/dev/null", os.O_RDONLY)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + PLACES, limits[1]))
    await everybody.wait()
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    out, _ = await clients.communicate()
    assert clients.returncode == 0, out
    server.close()
    await server.wait_closed()
    for context in problems:
        assert context["message"] == "socket.accept() out of system resource", context
        assert context["exception"].errno == errno.EMFILE, context
    rests = len(problems)
    # Stock asyncio reports it once per place in the backlog, each time; without a pause it would be
    # in every turn.
    assert 1 <= rests <= count * count, rests
    problems.clear()
    await before.balance()
    # Stock asyncio has timers left that want to accept again and find the server closed.
    assert not problems or sys.argv[1] == "asyncio", problems
    return rests


async def connect(count, port):
    before = books.Books()
    books.allow_descriptors(count + 100)

    # The kernel connects them all, before the server has accepted more than fit in.
    connected = await asyncio.gather(
        *(asyncio.open_connection("127.0.0.1", port) for _ in range(count))
    )

    async def one(number, reader, writer):
        writer.write(b"client %d\n" % number)
        assert await reader.readline() == b"CLIENT %d\n" % number
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(one(number, *streams) for number, streams in enumerate(connected)))
    await before.balance("clients")
    return count


if __name__ == "__main__":
    if sys.argv[2] == "clients":
        del sys.argv[2]
        books.program(connect, int, int)
    else:
        books.program(serve, int)
