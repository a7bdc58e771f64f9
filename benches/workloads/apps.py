"""Libraries on the loop, as clients of a server on another processor, and what the system does for a program."""

import asyncio
import contextlib
import socket
import warnings

from .definition import core

#: Requests that one connection makes in one iteration.
SHARE = 10
COMMUNICATED = bytes(64 * 1024)


async def _all(connections, use, iterations):
    """`use(connection)` SHARE × `iterations` times on each connection, all connections at the same time."""

    async def user(connection):
        for _ in range(iterations * SHARE):
            await use(connection)

    await asyncio.gather(*(user(connection) for connection in connections))


def _aiohttp_client(connections):
    @core(
        f"aiohttp.client.x{connections}", "request", form="session", group="app", operations=connections * SHARE,
        peer="pages", needs=("aiohttp",), summary=f"An aiohttp client fetches a small page; at a time: {connections}.",
    )  # fmt: skip
    @contextlib.asynccontextmanager
    async def session(address):
        import aiohttp

        url = "http://127.0.0.1:{port}/".format(**address)

        async def get(client):
            async with client.get(url) as response:
                body = await response.read()
            if len(body) != address["page_bytes"]:
                raise ValueError(f"a page of {len(body)} bytes")

        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections)) as client:
            yield lambda iterations: _all([client] * connections, get, iterations)

    return session


def _redis(connections):
    @core(
        f"redis.x{connections}", "command", form="session", group="app", operations=connections * SHARE * 2,
        peer="redis", needs=("redis",), summary=f"redis-py: SET and GET of 100 bytes; connections: {connections}.",
    )  # fmt: skip
    @contextlib.asynccontextmanager
    async def session(address):
        import redis.asyncio

        value = b"v" * 100

        async def set_and_get(client):
            await client.set("key", value)
            if await client.get("key") != value:
                raise ValueError("another value came back")

        async with contextlib.AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(redis.asyncio.Redis(**address, single_connection_client=True))
                for _ in range(connections)
            ]
            yield lambda iterations: _all(clients, set_and_get, iterations)

    return session


def _aioredis(connections):
    @core(
        f"aioredis.x{connections}", "command", form="session", group="app", operations=connections * SHARE * 2,
        peer="redis", needs=("aioredis",), beside="seeds",
        summary=f"aioredis 1.3.1: SET and GET of 100 bytes; connections: {connections}.",
    )  # fmt: skip
    @contextlib.asynccontextmanager
    async def session(address):
        with warnings.catch_warnings():
            # CPython 3.14 complains of what was good style in 2018, whenever it compiles that.
            warnings.simplefilter("ignore", SyntaxWarning)
            import aioredis

        value = b"v" * 100

        async def set_and_get(client):
            await client.set("key", value)
            if await client.get("key") != value:
                raise ValueError("another value came back")

        made = []
        try:
            for _ in range(connections):
                made.append(await aioredis.create_redis((address["host"], address["port"])))
            yield lambda iterations: _all(made, set_and_get, iterations)
        finally:
            for client in made:
                client.close()
                await client.wait_closed()

    return session


def _aiomysql(connections):
    @core(
        f"aiomysql.x{connections}", "query", form="session", group="app", operations=connections * SHARE,
        peer="mysql", needs=("aiomysql",), summary=f"aiomysql: a query of ten rows; connections: {connections}.",
    )  # fmt: skip
    @contextlib.asynccontextmanager
    async def session(address):
        import aiomysql

        async def ask(connection):
            async with connection.cursor() as cursor:
                await cursor.execute("SELECT seq, 'some words' FROM seq_1_to_10")
                if len(await cursor.fetchall()) != 10:
                    raise ValueError("not ten rows")

        made = []
        try:
            for _ in range(connections):
                made.append(await aiomysql.connect(**address))
            yield lambda iterations: _all(made, ask, iterations)
        finally:
            for connection in made:
                connection.close()

    return session


for _make, _counts in ((_aiohttp_client, (1, 10)), (_redis, (1, 50)), (_aioredis, (1, 50)), (_aiomysql, (1, 50))):
    for _count in _counts:
        _make(_count)


@core("spawn", "process", group="app", concurrent=True)
async def spawn(iterations):
    """create_subprocess_exec of /bin/true, and wait."""
    for _ in range(iterations):
        process = await asyncio.create_subprocess_exec("/bin/true")
        if await process.wait():
            raise RuntimeError("/bin/true failed")


@core("communicate", "process", group="app", concurrent=True)
async def communicate(iterations):
    """create_subprocess_exec of cat with pipes, and communicate of 64 KiB there and back."""
    for _ in range(iterations):
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec("cat", stdin=pipe, stdout=pipe, stderr=pipe)
        output, _ = await process.communicate(COMMUNICATED)
        if output != COMMUNICATED:
            raise RuntimeError("cat gave something else")


async def _look_up(host, iterations):
    loop = asyncio.get_running_loop()
    for _ in range(iterations):
        await loop.getaddrinfo(host, 80, type=socket.SOCK_STREAM)


@core("getaddrinfo.numeric", "look-up", group="app", concurrent=True)
async def getaddrinfo_numeric(iterations):
    """getaddrinfo of 127.0.0.1."""
    await _look_up("127.0.0.1", iterations)


@core("getaddrinfo.localhost", "look-up", group="app", concurrent=True)
async def getaddrinfo_localhost(iterations):
    """getaddrinfo of localhost."""
    await _look_up("localhost", iterations)
