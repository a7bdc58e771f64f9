"""redis-py over TCP, a UNIX socket and TLS: commands, transactions, a client of one connection and a subscriber outlive their
server.

    redis_fire.py PORT TLS_PORT SOCKET CA CONTROL ROUNDS
"""

import asyncio
import functools
import sys

import held
import ran_on
import redis.asyncio as redis
from control import order
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, RedisError
from redis.retry import Retry
from under_fire import Fire

PORT, TLS_PORT, SOCKET, CA, CONTROL, ROUNDS = sys.argv[1:]
WAYS = {
    "TCP": {"port": int(PORT)},
    "UNIX": {"unix_socket_path": SOCKET},
    "TLS": {"port": int(TLS_PORT), "ssl": True, "ssl_ca_certs": CA},
}


async def subscriber(client, heard):
    while True:
        try:
            async with client.pubsub() as channel:
                await channel.subscribe("news")
                async for message in channel.listen():
                    heard.add(message["data"])
        except ConnectionError:
            await asyncio.sleep(0.01)


async def outlive(way, options):
    options = options | {"retry": Retry(NoBackoff(), 0)}
    heard, one_at_a_time = set(), asyncio.Lock()
    async with redis.Redis(**options) as client, redis.Redis(single_connection_client=True, **options) as single:
        await client.flushall()
        listening = asyncio.create_task(subscriber(client, heard))

        async def write(number):
            if number % 3 == 0:
                await client.rpush("numbers", number)
            elif number % 3 == 1:
                async with client.pipeline(transaction=True) as pipe:
                    await pipe.rpush("numbers", number).incr("count").publish("news", number).execute()
            else:
                async with one_at_a_time:
                    await single.rpush("numbers", number)

        async def stored():
            last_words = next(fire.numbers)
            while str(last_words).encode() not in heard:
                await client.publish("news", last_words)
                await asyncio.sleep(0.01)
            heard.clear()
            async with client.pipeline() as pipe:
                return map(int, (await pipe.lrange("numbers", 0, -1).delete("numbers").execute())[0])

        fire = Fire(functools.partial(order, CONTROL), write, stored, RedisError)
        await fire.rounds(int(ROUNDS), f"redis-py, {way}")
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def main():
    ran_on.tell()
    for way, options in WAYS.items():
        print(way)
        before = held.now()
        await outlive(way, options)
        await held.back_to(before)
    print("OK")


asyncio.run(main())
