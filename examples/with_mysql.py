"""MySQL or MariaDB with aiomysql: a connection, a pool, a transaction that fails.

usage: with_mysql.py mysql://USER:PASSWORD@HOST:PORT/DATABASE      needs: pip install aiomysql, and a server
"""

import asyncio
import sys
import urllib.parse

import aiomysql

# A temporary table is seen by its own connection only, and gone with it.
TABLE = "CREATE TEMPORARY TABLE pets (name VARCHAR(20) PRIMARY KEY, age INT)"


def connection_arguments(address):
    url = urllib.parse.urlsplit(address)
    login = {"user": url.username, "password": url.password or ""}
    return login | {"host": url.hostname, "port": url.port or 3306, "db": url.path.strip("/")}


async def one_connection(arguments):
    connection = await aiomysql.connect(**arguments)
    async with connection.cursor() as cursor:
        await cursor.execute(TABLE)
        await cursor.executemany("INSERT INTO pets VALUES (%s, %s)", [("Rex", 3), ("Tom", 5)])
        await connection.commit()

        # Either everything between two commits happens, or nothing.
        try:
            await cursor.execute("INSERT INTO pets VALUES ('Kit', 1)")
            await cursor.execute("INSERT INTO pets VALUES ('Rex', 9)")  # there is one already
        except aiomysql.IntegrityError as error:
            print("rolled back:", error.args[1])
            await connection.rollback()

        await cursor.execute("SELECT * FROM pets WHERE age > %s ORDER BY name", (2,))
        print("pets:", await cursor.fetchall())
    connection.close()


async def many_queries(arguments):
    # One connection does one query at a time. A pool has several, for several tasks.
    async with aiomysql.create_pool(maxsize=3, **arguments) as pool:

        async def square(n):
            async with pool.acquire() as connection, connection.cursor() as cursor:
                await cursor.execute("SELECT %s * %s, SLEEP(0.01)", (n, n))
                return (await cursor.fetchone())[0]

        print("squares:", await asyncio.gather(*(square(n) for n in range(10))))
        print("connections:", 0 < pool.size <= 3)


if __name__ == "__main__":
    for main in (one_connection, many_queries):
        asyncio.run(main(connection_arguments(sys.argv[1])))
