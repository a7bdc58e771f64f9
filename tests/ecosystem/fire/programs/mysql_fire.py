"""aiomysql or asyncmy with MariaDB: cursors, transactions, a pool, many rows buffered and not, plain and by TLS on the connection
in use; the server dies in the middle of a query, of a result and of a load of writes.

    mysql_fire.py aiomysql|asyncmy PORT CA CONTROL ROWS ROUNDS
"""

import asyncio
import functools
import importlib
import ssl
import sys

import held
import ran_on
from control import order
from under_fire import WRITERS, Fire, rss_kib

LIBRARY, PORT, CA, CONTROL, ROWS, ROUNDS = sys.argv[1:]
mysql = importlib.import_module(LIBRARY)
cursors = importlib.import_module(LIBRARY + ".cursors")
if LIBRARY == "aiomysql":
    from pymysql.err import IntegrityError, MySQLError, OperationalError
else:
    from asyncmy.errors import IntegrityError, MySQLError, OperationalError
OPTIONS = {"host": "127.0.0.1", "port": int(PORT), "user": "tester", "password": "secret", "db": "test", "autocommit": True}
UNBUFFERED_KIB = 16 * 1024


async def ask(connection, query, *arguments):
    async with connection.cursor() as cursor:
        await cursor.execute(query, *arguments)
        return await cursor.fetchall()


async def queries(connection):
    async with connection.cursor() as cursor:
        await cursor.execute("CREATE OR REPLACE TABLE t (id INT PRIMARY KEY, name VARCHAR(40)) ENGINE=InnoDB")
        print(await cursor.executemany("INSERT INTO t VALUES (%s, %s)", [(n, f"name {n} ü") for n in range(1000)]))
        print(await cursor.execute("SELECT * FROM t WHERE id < %s ORDER BY id", (3,)), await cursor.fetchall())
        try:
            await cursor.execute("INSERT INTO t VALUES (7, 'again')")
        except IntegrityError as error:
            print(error.args[0])
    async with connection.cursor(cursors.DictCursor) as cursor:
        await cursor.execute("SELECT * FROM t ORDER BY id DESC LIMIT 1")
        print(await cursor.fetchone(), cursor.description[0][0])
    for end in connection.rollback, connection.commit:
        await connection.begin()
        await ask(connection, "UPDATE t SET name = 'changed' WHERE id = 7")
        await end()
        print(await ask(connection, "SELECT name FROM t WHERE id = 7"))


async def many_rows(connection):
    rows, text = int(ROWS), "REPEAT('x', 50)"
    before = rss_kib()
    async with connection.cursor(cursors.SSCursor) as cursor:
        await cursor.execute(f"SELECT seq, {text} FROM seq_1_to_{rows}")
        count = total = 0
        while some := await cursor.fetchmany(1000):
            count += len(some)
            total += sum(row[0] for row in some)
        print(count == rows, total == rows * (rows + 1) // 2)
    print("unbuffered:", rss_kib() < before + UNBUFFERED_KIB or rss_kib() - before)
    everything = await ask(connection, f"SELECT seq, {text} FROM seq_1_to_{rows}")
    print(len(everything) == rows, everything[-1])


async def pool(options):
    async def user(number):
        async with users.acquire() as connection:
            return (await ask(connection, "SELECT %s, SLEEP(0.005)", (number,)))[0][0]

    async with mysql.create_pool(minsize=1, maxsize=8, **options) as users:
        print(sum(await asyncio.gather(*map(user, range(50)))), users.size <= 8)


async def death(options):
    """In the middle of a query, and of a result that is being read."""
    waiting, reading = [await mysql.connect(**options) for _ in range(2)]
    sleeping = asyncio.create_task(ask(waiting, "SELECT SLEEP(3600)"))
    # Neither library can close a cursor whose result has broken off.
    cursor = await reading.cursor(cursors.SSCursor).__aenter__()
    await cursor.execute("SELECT seq, REPEAT('x', 1000) FROM seq_1_to_1000000")
    await cursor.fetchone()
    async with mysql.connect(**options) as observer:
        while (await ask(observer, "SELECT COUNT(*) FROM information_schema.processlist WHERE state = 'User sleep'"))[0][0] == 0:
            pass
    await order(CONTROL, "kill")
    try:
        await sleeping
    except MySQLError as error:
        print("in a query:", type(error).__name__, error.args[0])
    try:
        while await cursor.fetchmany(1000):
            pass
    except MySQLError as error:
        print("in a result:", type(error).__name__, error.args[0])
    try:
        await mysql.connect(**options)
    except OperationalError as error:
        print("dead:", error.args[0])
    reading.close()
    waiting.close()
    await order(CONTROL, "start")


async def outlive(options):
    # As many as there are writers: whoever waits for a connection of aiomysql's is not woken when one is returned dead.
    async with mysql.create_pool(minsize=1, maxsize=WRITERS, **options) as users:

        async def write(number):
            async with users.acquire() as connection:
                if number % 2:
                    await ask(connection, "INSERT INTO w VALUES (%s)", (number,))
                else:
                    await connection.begin()
                    await ask(connection, "INSERT INTO w VALUES (%s)", (number,))
                    await connection.commit()

        async def stored():
            async with users.acquire() as connection:
                numbers = {row[0] for row in await ask(connection, "SELECT id FROM w")}
                await ask(connection, "DELETE FROM w")
                return numbers

        async with users.acquire() as connection:
            await ask(connection, "CREATE OR REPLACE TABLE w (id INT PRIMARY KEY) ENGINE=InnoDB")
        name = f"{LIBRARY}{', TLS' if 'ssl' in options else ''}"
        await Fire(functools.partial(order, CONTROL), write, stored, MySQLError).rounds(int(ROUNDS), name)


async def main():
    ran_on.tell()
    for tls in {}, {"ssl": ssl.create_default_context(cafile=CA)}:
        before = held.now()
        options = OPTIONS | tls
        async with mysql.connect(**options) as connection:
            print((await ask(connection, "SHOW STATUS LIKE 'Ssl_version'"))[0][1])
            await queries(connection)
            await many_rows(connection)
        await pool(options)
        await death(options)
        await outlive(options)
        await held.back_to(before)
    print("OK")


asyncio.run(main())
