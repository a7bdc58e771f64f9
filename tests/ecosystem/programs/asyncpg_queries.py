# asyncpg: queries, prepared statements, cursors, transactions, COPY, LISTEN/NOTIFY, a pool, timeouts and cancellation; plain and
# over TLS.
import asyncio
import io
import ssl
import sys

import asyncpg
import ran_on

PORT, CA = sys.argv[1:]
OPTIONS = {"host": "127.0.0.1", "port": int(PORT), "user": "tester", "password": "secret", "database": "postgres"}


async def queries(db):
    await db.execute("DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, name text)")
    await db.executemany("INSERT INTO t VALUES ($1, $2)", [(n, f"name {n}") for n in range(1000)])
    print(await db.fetchval("SELECT count(*) FROM t"), dict(await db.fetchrow("SELECT * FROM t WHERE id = $1", 7)))
    statement = await db.prepare("SELECT id FROM t WHERE id < $1 ORDER BY id")
    print([row["id"] for row in await statement.fetch(3)], [row["id"] for row in await statement.fetch(2)])
    print(len(await db.fetchval("SELECT $1::bytea", bytes(8_000_000))))
    try:
        async with db.transaction():
            print(sum([row["id"] async for row in db.cursor("SELECT id FROM t", prefetch=10)]))
            await db.execute("DELETE FROM t")
            await db.execute("SELECT 1/0")
    except asyncpg.DivisionByZeroError as error:
        print(error, await db.fetchval("SELECT count(*) FROM t"))


async def copies(db):
    print(await db.copy_records_to_table("t", records=((n, "x" * 100) for n in range(1000, 51_000))))
    out = io.BytesIO()
    print(await db.copy_from_query("SELECT * FROM t ORDER BY id", output=out, format="csv"), len(out.getvalue()))

    async def source():
        for number in range(60_000, 60_100):
            yield f"{number}\tstreamed\n".encode()
            await asyncio.sleep(0)

    print(await db.copy_to_table("t", source=source()))


async def notifications(db, other):
    heard = asyncio.Queue()
    await db.add_listener("news", lambda _connection, _pid, channel, payload: heard.put_nowait((channel, payload)))
    for number in range(3):
        await other.execute(f"NOTIFY news, 'number {number}'")
    print([await heard.get() for _ in range(3)])
    await db.reset()


async def ends(db, other):
    try:
        await db.fetch("SELECT pg_sleep(300)", timeout=0.1)
    except TimeoutError as error:
        print(type(error).__name__, await db.fetchval("SELECT 'usable'"))
    sleeping = asyncio.create_task(db.fetch("SELECT pg_sleep(300)"))
    await asyncio.sleep(0.1)
    sleeping.cancel()
    print(type((await asyncio.gather(sleeping, return_exceptions=True))[0]).__name__, await db.fetchval("SELECT 'usable'"))
    sleeping = asyncio.create_task(db.fetch("SELECT pg_sleep(300)"))
    await asyncio.sleep(0.1)
    await other.execute("SELECT pg_terminate_backend($1)", db.get_server_pid())
    print(type((await asyncio.gather(sleeping, return_exceptions=True))[0]).__name__, db.is_closed())


async def users_of_a_pool(**options):
    async def user(number):
        async with pool.acquire() as db, db.transaction():
            return await db.fetchval("SELECT $1::int + length(pg_sleep(0.01)::text)", number)

    async with asyncpg.create_pool(min_size=2, max_size=8, **OPTIONS, **options) as pool:
        print(sum(await asyncio.gather(*map(user, range(50)))))


async def main():
    ran_on.tell()
    for options in ({"ssl": False}, {"ssl": ssl.create_default_context(cafile=CA)}):
        db, other = [await asyncpg.connect(**OPTIONS, **options) for _ in range(2)]
        print(await db.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))
        await queries(db)
        await copies(db)
        await notifications(db, other)
        await ends(db, other)
        await other.close()
        await users_of_a_pool(**options)
    try:
        await asyncpg.connect(**{**OPTIONS, "password": "wrong"})
    except asyncpg.InvalidPasswordError as error:
        print(error)


asyncio.run(main())
print("OK")
