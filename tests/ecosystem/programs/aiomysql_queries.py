# aiomysql: cursors, 100,000 rows unbuffered, transactions, a pool, TLS (asyncio's start_tls on the socket it adopted), errors,
# a cancelled query and a killed connection.
import asyncio
import ssl
import sys

import aiomysql
import pymysql
import ran_on

PORT, CA = sys.argv[1:]
OPTIONS = {"host": "127.0.0.1", "port": int(PORT), "user": "tester", "password": "secret", "db": "test", "autocommit": True}


async def cursors(connection):
    async with connection.cursor() as cursor:
        await cursor.execute("CREATE OR REPLACE TABLE t (id INT PRIMARY KEY, name VARCHAR(40)) ENGINE=InnoDB")
        print(await cursor.executemany("INSERT INTO t VALUES (%s, %s)", [(n, f"name {n} ü") for n in range(1000)]))
        print(await cursor.execute("SELECT * FROM t WHERE id < %s ORDER BY id", (3,)), await cursor.fetchall())
        await cursor.execute("SELECT REPEAT('x', 8000000)")
        print(len((await cursor.fetchone())[0]))
    async with connection.cursor(aiomysql.DictCursor) as cursor:
        await cursor.execute("SELECT * FROM t ORDER BY id DESC LIMIT 1")
        print(await cursor.fetchone(), cursor.description[0][0])
    async with connection.cursor(aiomysql.SSCursor) as cursor:
        await cursor.execute("SELECT a.id * 100 + b.id FROM t a, t b WHERE b.id < 100 ORDER BY a.id, b.id")
        total = count = 0
        while rows := await cursor.fetchmany(1000):
            count += len(rows)
            total += sum(row[0] for row in rows)
        print(count, total)


async def transactions(connection):
    async with connection.cursor() as cursor:
        for end in (connection.rollback, connection.commit):
            await connection.begin()
            await cursor.execute("UPDATE t SET name = 'changed' WHERE id = 7")
            await end()
            await cursor.execute("SELECT name FROM t WHERE id = 7")
            print(await cursor.fetchone())


async def users_of_a_pool():
    async def user(number):
        async with pool.acquire() as connection, connection.cursor() as cursor:
            await cursor.execute("SELECT %s, SLEEP(0.01)", (number,))
            return (await cursor.fetchone())[0]

    async with aiomysql.create_pool(minsize=1, maxsize=8, **OPTIONS) as pool:
        print(sum(await asyncio.gather(*map(user, range(50)))), pool.size <= 8)


async def ends():
    try:
        await aiomysql.connect(**{**OPTIONS, "password": "wrong"})
    except pymysql.err.OperationalError as error:
        print(error.args[0])
    async with aiomysql.connect(**OPTIONS) as killer, killer.cursor() as cursor:
        for end in ("cancelled", "killed"):
            connection = await aiomysql.connect(**OPTIONS)
            sleeping = asyncio.create_task(connection.query("SELECT SLEEP(300)"))
            await asyncio.sleep(0.1)
            if end == "killed":
                await cursor.execute(f"KILL {connection.thread_id()}")
            else:
                sleeping.cancel()
            print(end, type((await asyncio.gather(sleeping, return_exceptions=True))[0]).__name__, connection.closed)
            connection.close()


async def main():
    ran_on.tell()
    async with aiomysql.connect(**OPTIONS) as connection:
        await cursors(connection)
        await transactions(connection)
    context = ssl.create_default_context(cafile=CA)
    async with aiomysql.connect(ssl=context, **OPTIONS) as connection:
        async with connection.cursor() as cursor:
            await cursor.execute("SHOW STATUS LIKE 'Ssl_version'")
            print(await cursor.fetchone())
        await cursors(connection)
    await users_of_a_pool()
    await ends()


asyncio.run(main())
print("OK")
