"""Drivers that block, in threads by `run_in_executor`: pymysql or psycopg; the server dies under a load of writes.

    threads_fire.py pymysql|psycopg PORT CONTROL ROWS ROUNDS
"""

import asyncio
import concurrent.futures
import contextlib
import functools
import importlib
import sys
import threading

import held
import ran_on
from control import order
from under_fire import WRITERS, Fire

LIBRARY, PORT, CONTROL, ROWS, ROUNDS = sys.argv[1:]
driver = importlib.import_module(LIBRARY)
# pymysql would load all certificates of the system for every attempt to connect, and leave them to the collector.
DATABASE = {"pymysql": {"database": "test", "ssl_disabled": True}, "psycopg": {"dbname": "postgres"}}[LIBRARY]
SERIES = {"pymysql": "SELECT seq FROM seq_1_to_%s", "psycopg": "SELECT generate_series(1, %s)"}[LIBRARY]
SLEEP = {"pymysql": "SELECT SLEEP(3600)", "psycopg": "SELECT pg_sleep(3600)"}[LIBRARY]
mine = threading.local()


def connection():
    if getattr(mine, "connection", None) is None:
        mine.connection = driver.connect(
            host="127.0.0.1", port=int(PORT), user="tester", password="secret", autocommit=True, **DATABASE
        )
    return mine.connection


def ask(query, *values):
    """In the connection of this thread, which is made anew after an error."""
    try:
        with connection().cursor() as cursor:
            cursor.execute(query % values)
            return cursor.fetchall() if cursor.description else ()
    except driver.Error:
        close()
        raise


def close():
    with contextlib.suppress(driver.Error):
        if getattr(mine, "connection", None) is not None:
            mine.connection.close()
    mine.connection = None


async def main():
    ran_on.tell()
    loop = asyncio.get_running_loop()
    before = held.now()
    with concurrent.futures.ThreadPoolExecutor(WRITERS) as pool:

        def in_thread(*arguments):
            return loop.run_in_executor(pool, *arguments)

        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.001)

        ticking = asyncio.create_task(tick())
        await in_thread(ask, "DROP TABLE IF EXISTS w")
        await in_thread(ask, "CREATE TABLE w (id INT PRIMARY KEY)")
        rows = await asyncio.gather(*(in_thread(ask, SERIES, int(ROWS)) for _ in range(4)))
        print({len(each) == int(ROWS) for each in rows}, ticks > 1)
        sleeping = in_thread(ask, SLEEP)
        await order(CONTROL, "kill")
        print(type((await asyncio.gather(sleeping, return_exceptions=True))[0]).__name__)
        await order(CONTROL, "start")

        async def write(number):
            await in_thread(ask, "INSERT INTO w VALUES (%s)", number)

        async def stored():
            numbers = {row[0] for row in await in_thread(ask, "SELECT id FROM w")}
            await in_thread(ask, "DELETE FROM w")
            return numbers

        await Fire(functools.partial(order, CONTROL), write, stored, driver.Error).rounds(int(ROUNDS), f"{LIBRARY} in threads")
        barrier = threading.Barrier(WRITERS)
        await asyncio.gather(*(in_thread(lambda: (barrier.wait(), close())) for _ in range(WRITERS)))
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)
    await held.back_to(before)
    print("OK")


asyncio.run(main())
