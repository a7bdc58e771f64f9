"""asyncpg with PostgreSQL: COPY in and out, notifications, cancelled queries, plain and over TLS; the server dies in the middle of
a query, of a COPY each way and of a load of writes.

    asyncpg_fire.py PORT CA CONTROL ROWS ROUNDS
"""

import asyncio
import functools
import logging
import ssl
import sys

import asyncpg
import held
import ran_on
from control import order
from under_fire import WRITERS, Fire, rss_kib

PORT, CA, CONTROL, ROWS, ROUNDS = sys.argv[1:]
OPTIONS = {"host": "127.0.0.1", "port": int(PORT), "user": "tester", "password": "secret", "database": "postgres"}
COPY_KIB = 16 * 1024
MUCH = "repeat('x', 1000) FROM generate_series(1, 1000000)"
# Its own, what its interface is misused for, and, when it connects or copies, the system's as they are.
ERRORS = asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, ConnectionError


async def copies(db):
    rows, out = int(ROWS), [0, 0]

    async def drink(data):
        out[0] += len(data)
        out[1] += data.count(b"\n")

    await db.execute("DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, name text)")
    before = rss_kib()
    print(await db.copy_records_to_table("t", records=((n, "x" * 50) for n in range(rows))) == f"COPY {rows}")
    print(await db.copy_from_query("SELECT * FROM t", output=drink) == f"COPY {rows}", out[1] == rows, out[0] > 51 * rows)
    print("streamed:", rss_kib() < before + COPY_KIB or rss_kib() - before)
    print(sum(row["id"] for row in await db.fetch("SELECT * FROM t")) == rows * (rows - 1) // 2)


async def notifications(db, other):
    heard = asyncio.Queue()
    await db.add_listener("news", lambda connection, pid, channel, payload: heard.put_nowait(int(payload)))
    await asyncio.gather(*(db.fetchval("SELECT $1::int", 1) if n % 2 else other.execute(f"NOTIFY news, '{n}'") for n in range(2)))
    for number in range(1, 500):
        await other.execute(f"NOTIFY news, '{number}'")
    print([await heard.get() for _ in range(500)] == list(range(500)))
    await db.reset()


async def cancelled(pool):
    async def user(number):
        async with pool.acquire() as db:
            # Not for long: a server that is asked to cancel what it has not begun does not hear it.
            sleeping = asyncio.create_task(db.fetch("SELECT pg_sleep(0.2)"))
            for _ in range(number):
                await asyncio.sleep(0)
            sleeping.cancel()
            end = (await asyncio.gather(sleeping, return_exceptions=True))[0]
            return type(end).__name__, await db.fetchval("SELECT 'usable'")

    ends, usable = map(set, zip(*await asyncio.gather(*map(user, range(40))), strict=True))
    # On a busy machine the query may be over before we come to cancel it.
    print("cancelled:", "CancelledError" in ends, ends - {"CancelledError", "list"} or "", usable)


async def observed(db, *states):
    """Wait until the server is in the middle of this much."""
    for query in states:
        while not await db.fetchval("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE $1", query):
            pass


async def end(coroutine):
    try:
        return await coroutine
    except ERRORS as error:
        return type(error).__name__


async def death(options):
    sleeper, writer, reader, observer = [await asyncpg.connect(**options) for _ in range(4)]
    told, over = asyncio.Event(), asyncio.Event()
    await observer.execute("CREATE TABLE IF NOT EXISTS c (line text)")

    async def source():
        yield b"line\n" * 1000
        await over.wait()
        # asyncpg asks for more until there is none, also when nobody takes it any longer.
        for _ in range(100):
            yield b"line\n" * 1000
            await asyncio.sleep(0)

    async def slowly(data):
        told.set()
        await over.wait()

    tasks = [
        asyncio.create_task(end(sleeper.execute("SELECT pg_sleep(3600)"))),
        asyncio.create_task(end(writer.copy_to_table("c", source=source()))),
        asyncio.create_task(end(reader.copy_from_query(f"SELECT {MUCH}", output=slowly))),
    ]
    await told.wait()
    await observed(observer, "SELECT pg_sleep%", "COPY%STDIN%", "COPY%STDOUT%")
    await order(CONTROL, "kill")
    print("in a query:", await tasks[0])
    over.set()
    print("while copying in:", await tasks[1], "and out:", await tasks[2])
    print([db.is_closed() for db in (sleeper, writer, reader)])
    print("dead:", await end(asyncpg.connect(**options)))
    for db in sleeper, writer, reader, observer:
        db.terminate()
    await order(CONTROL, "start")


async def outlive(options):
    async with asyncpg.create_pool(min_size=1, max_size=4, **options) as pool:

        async def write(number):
            async with pool.acquire() as db:
                if number % 2:
                    await db.execute("INSERT INTO w VALUES ($1)", number)
                else:
                    async with db.transaction():
                        await db.copy_records_to_table("w", records=[(number,)])

        async def stored():
            return {row[0] for row in await pool.fetch("DELETE FROM w RETURNING id")}

        await pool.execute("DROP TABLE IF EXISTS w; CREATE TABLE w (id int PRIMARY KEY)")
        name = f"asyncpg{', TLS' if options['ssl'] else ''}"
        await Fire(functools.partial(order, CONTROL), write, stored, ERRORS).rounds(int(ROUNDS), name)


def report(loop, context):
    # What asyncpg says in passing of connections that have died in its pool's hands.
    if not isinstance(context.get("exception"), ERRORS) and "active transaction" not in context["message"]:
        loop.default_exception_handler(context)


async def main():
    ran_on.tell()
    asyncio.get_running_loop().set_exception_handler(report)
    # It writes to the dead, and its pool has to start more than once.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    logging.getLogger("asyncpg").setLevel(logging.CRITICAL)
    for tls in {"ssl": False}, {"ssl": ssl.create_default_context(cafile=CA)}:
        before = held.now()
        options = OPTIONS | tls
        db, other = [await asyncpg.connect(**options) for _ in range(2)]
        print(await db.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))
        await copies(db)
        await notifications(db, other)
        await db.close()
        await other.close()
        async with asyncpg.create_pool(min_size=WRITERS, max_size=WRITERS, **options) as pool:
            await cancelled(pool)
        await death(options)
        await outlive(options)
        await held.back_to(before)
    print("OK")


asyncio.run(main())
