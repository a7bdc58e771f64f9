"""aioredis 1.3.1, of the time of Python 3.7: `create_redis`, a pool, a subscriber, over TCP, a UNIX socket and TLS, and the
server's death.

    aioredis_fire.py PORT TLS_PORT SOCKET CA CONTROL ROUNDS
"""

import asyncio
import functools
import ssl
import sys

import aioredis
import held
import ran_on
from control import order
from under_fire import Fire

PORT, TLS_PORT, SOCKET, CA, CONTROL, ROUNDS = sys.argv[1:]
# What connects leaves the system's errors as they are.
ERRORS = aioredis.RedisError, ConnectionError, FileNotFoundError


async def single(address, options):
    redis = await aioredis.create_redis(address, **options)
    print(await redis.set("car", 1), await redis.get("car"), await redis.incr("car"))
    pipe = redis.multi_exec()
    results = [pipe.incr("car"), pipe.incr("car")]
    print(await pipe.execute(), await asyncio.gather(*results))
    subscriber = await aioredis.create_redis(address, **options)
    (channel,) = await subscriber.subscribe("news")
    print(await redis.publish("news", "one"), await channel.get())
    waiting = [asyncio.ensure_future(redis.blpop("nothing")), asyncio.ensure_future(channel.get())]
    other = await aioredis.create_redis(address, **options)
    while (await other.info("clients"))["clients"]["blocked_clients"] != "1":
        pass
    await order(CONTROL, "kill")
    print([type(end).__name__ for end in await asyncio.gather(*waiting, return_exceptions=True)])
    for each in redis, subscriber, other:
        each.close()
        await each.wait_closed()
        print(each.closed)
    await order(CONTROL, "start")


async def outlive(address, options):
    pool = await aioredis.create_redis_pool(address, minsize=1, maxsize=5, **options)

    async def write(number):
        await pool.rpush("numbers", number)

    async def stored():
        pipe = pool.multi_exec()
        numbers = pipe.lrange("numbers", 0, -1)
        pipe.delete("numbers")
        await pipe.execute()
        return map(int, await numbers)

    name = f"aioredis, {address.partition(':')[0]}" if ":" in address else "aioredis, UNIX"
    await Fire(functools.partial(order, CONTROL), write, stored, ERRORS).rounds(int(ROUNDS), name)
    pool.close()
    await pool.wait_closed()


def report(loop, context):
    # A connection that dies while the pool greets it is left to the collector.
    if context["message"] != "Task was destroyed but it is pending!":
        loop.default_exception_handler(context)


async def main():
    ran_on.tell()
    asyncio.get_running_loop().set_exception_handler(report)
    context = ssl.create_default_context(cafile=CA)
    for address, options in (
        (f"redis://127.0.0.1:{PORT}", {}),
        (SOCKET, {}),
        (f"rediss://localhost:{TLS_PORT}", {"ssl": context}),
    ):
        before = held.now()
        await single(address, options)
        await outlive(address, options)
        await held.back_to(before)
    print("OK")


asyncio.run(main())
