"""aiohttp, websockets, Redis, MariaDB, PostgreSQL, a Redis that is killed all the time, TLS connections, UDP, executors and
processes at once in rounds; after each a sample of what the process holds while nothing goes on, as a line of JSON in the file $SAMPLES.

    mixed_load.py REDIS_PORT MARIADB_PORT POSTGRES_PORT MORTAL_REDIS_PORT CONTROL CA SERVER_PEM SECONDS
"""

import asyncio
import contextlib
import gc
import json
import os
import ssl
import sys
import time

import aiohttp
import aiomysql
import asyncpg
import ran_on
import redis.asyncio
from aiohttp import web
from control import order
from redis.backoff import NoBackoff
from redis.retry import Retry

ROUNDS = 10
done = {}


async def repeat(until, name, work):
    while time.monotonic() < until:
        await work()
        done[name] = done.get(name, 0) + 1


def sample():
    gc.collect()
    gc.collect()
    with open("/proc/self/statm") as statm:
        pages = int(statm.read().split()[1])
    return {
        "rss_kib": pages * os.sysconf("SC_PAGE_SIZE") // 1024,
        "objects": len(gc.get_objects()),
        "fds": len(os.listdir("/proc/self/fd")),
        "tasks": len(asyncio.all_tasks()),
        "done": dict(done),
    }


async def http(stack):
    async def upload(request):
        return web.Response(text=str(len(await request.read())))

    async def chat(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(message.data)
        return socket

    app = web.Application(client_max_size=1 << 30)
    app.router.add_get("/page", lambda request: asyncio.sleep(0, web.Response(body=bytes(10_000))))
    app.router.add_post("/upload", upload)
    app.router.add_get("/chat", chat)
    runner = web.AppRunner(app)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = "http://127.0.0.1:%d" % runner.addresses[0][1]
    session = await stack.enter_async_context(aiohttp.ClientSession())

    async def page():
        async with session.get(url + "/page") as answer:
            assert len(await answer.read()) == 10_000

    async def post():
        async with session.post(url + "/upload", data=bytes(300_000)) as answer:
            assert await answer.text() == "300000"

    async def talk():
        async with session.ws_connect(url + "/chat") as socket:
            for text in "one", "two", "x" * 70_000:
                await socket.send_str(text)
                assert await socket.receive_str() == text

    async def give_up():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.001):
                await page()

    return {"page": page, "upload": post, "websocket": talk, "given up": give_up}


async def tls(stack, ca, certificate):
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_side.load_cert_chain(certificate)
    client_side = ssl.create_default_context(cafile=ca)

    async def echo(reader, writer):
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=server_side)
    stack.push_async_callback(server.wait_closed)
    stack.callback(server.close)
    port = server.sockets[0].getsockname()[1]

    async def connect():
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client_side, server_hostname="localhost")
        writer.write(b"y" * 20_000)
        assert len(await reader.readexactly(20_000)) == 20_000
        writer.close()
        await writer.wait_closed()

    async def vanish():
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client_side, server_hostname="localhost")
        writer.write(b"y" * 20_000)
        writer.transport.abort()

    async def fail():
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            await asyncio.open_connection("127.0.0.1", port, ssl=client_side, server_hostname="elsewhere.test")

    return {"TLS": connect, "TLS aborted": vanish, "TLS refused": fail}


async def redis_work(stack, port):
    client = redis.asyncio.Redis(port=port)
    stack.push_async_callback(client.aclose)
    await client.ping()

    async def pipeline():
        async with client.pipeline() as commands:
            for number in range(50):
                commands.set(f"key{number}", number).get(f"key{number}")
            assert len(await commands.execute()) == 100

    async def publish():
        async with client.pubsub() as channel:
            await channel.subscribe("news")
            await client.publish("news", "x")
            while (await channel.get_message(timeout=1) or {}).get("type") != "message":
                pass

    async def wait_in_vain():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.002):
                await client.blpop("never")

    return {"redis pipeline": pipeline, "redis news": publish, "redis cancelled": wait_in_vain}


async def mysql_work(stack, port):
    options = {"host": "127.0.0.1", "port": int(port), "user": "tester", "password": "secret", "db": "test", "autocommit": True}
    pool = await stack.enter_async_context(aiomysql.create_pool(minsize=1, maxsize=6, **options))
    async with pool.acquire() as connection, connection.cursor() as cursor:
        await cursor.execute("CREATE OR REPLACE TABLE soak (id INT PRIMARY KEY, name VARCHAR(40)) ENGINE=InnoDB")

    async def write():
        async with pool.acquire() as connection, connection.cursor() as cursor:
            await cursor.executemany("REPLACE INTO soak VALUES (%s, %s)", [(number, f"name {number}") for number in range(50)])

    async def read():
        async with pool.acquire() as connection, connection.cursor(aiomysql.SSCursor) as cursor:
            await cursor.execute("SELECT seq, REPEAT('x', 50) FROM seq_1_to_2000")
            count = 0
            while rows := await cursor.fetchmany(500):
                count += len(rows)
            assert count == 2000

    return {"mysql written": write, "mysql unbuffered": read}


async def postgres_work(stack, port):
    options = {"host": "127.0.0.1", "port": int(port), "user": "tester", "password": "secret", "database": "postgres"}
    pool = await stack.enter_async_context(asyncpg.create_pool(min_size=1, max_size=9, ssl=False, **options))
    await pool.execute("DROP TABLE IF EXISTS soak; CREATE TABLE soak (id int)")

    async def copy():
        async with pool.acquire() as db:
            transaction = db.transaction()
            await transaction.start()
            await db.copy_records_to_table("soak", records=[(number,) for number in range(1000)])
            assert await db.fetchval("SELECT count(*) FROM soak") == 1000
            await transaction.rollback()

    async def select():
        assert len(await pool.fetch("SELECT generate_series(1, $1::int)", 1000)) == 1000

    async def give_up():
        with contextlib.suppress(TimeoutError):
            await pool.execute("SELECT pg_sleep(0.1)", timeout=0.01)

    return {"postgres copy": copy, "postgres select": select, "postgres cancelled": give_up}


async def mortal_work(stack, control, port):
    """A server that is killed while others ask it, and what they are told."""
    client = redis.asyncio.Redis(port=int(port), retry=Retry(NoBackoff(), 0))
    stack.push_async_callback(client.aclose)
    one_at_a_time = asyncio.Lock()

    async def kill():
        async with one_at_a_time:
            await order(control, "kill")
            with contextlib.suppress(redis.ConnectionError):
                await client.ping()
                raise AssertionError("an answer of the dead")
            await order(control, "start")
            await asyncio.sleep(0.05)

    async def ask():
        with contextlib.suppress(redis.ConnectionError):
            await client.incr("count")
        await asyncio.sleep(0.01)

    return {"server killed": kill, "redis that dies": ask}


async def system(stack):
    loop = asyncio.get_running_loop()

    class Echo(asyncio.DatagramProtocol):
        def connection_made(self, transport):
            self.transport, self.arrived = transport, loop.create_future()

        def datagram_received(self, data, address):
            self.transport.sendto(data, address)

    class Asks(Echo):
        def datagram_received(self, data, address):
            self.arrived.set_result(data)

    server, _ = await loop.create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
    stack.callback(server.close)

    async def datagram():
        ours, protocol = await loop.create_datagram_endpoint(Asks, remote_addr=server.get_extra_info("sockname"))
        ours.sendto(b"z" * 500)
        assert len(await protocol.arrived) == 500
        ours.close()

    async def process():
        child = await asyncio.create_subprocess_exec("cat", stdin=-1, stdout=-1)
        assert (await child.communicate(bytes(100_000)))[0] == bytes(100_000)
        await asyncio.sleep(0.05)

    async def executor():
        assert await asyncio.to_thread(sum, range(1000)) == 499500

    async def look_up():
        await loop.getaddrinfo("localhost", 80)

    return {"datagram": datagram, "process": process, "executor": executor, "look-up": look_up}


async def main(redis_port, mysql_port, postgres_port, mortal_port, control, ca, certificate, seconds):
    ran_on.tell()
    # Whoever aborts leaves the other side with an error, which is not for stderr.
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    async with contextlib.AsyncExitStack() as stack:
        works = await http(stack) | await tls(stack, ca, certificate) | await redis_work(stack, redis_port)
        works |= await mysql_work(stack, mysql_port) | await postgres_work(stack, postgres_port)
        works |= await mortal_work(stack, control, mortal_port) | await system(stack)
        for _ in range(ROUNDS):
            until = time.monotonic() + float(seconds) / ROUNDS
            await asyncio.gather(*(repeat(until, *work) for work in works.items() for _ in range(3)))
            await asyncio.sleep(0.5)
            with open(os.environ["SAMPLES"], "a") as file:
                file.write(json.dumps(sample()) + "\n")
        assert all(done[name] >= ROUNDS for name in works), done
    print("OK")


asyncio.run(main(*sys.argv[1:]))
