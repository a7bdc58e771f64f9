"""Redis with redis-py: values, counters, a queue between two tasks, and messages to whoever listens.

usage: with_redis.py [redis://HOST:PORT]      needs: pip install redis, and a Redis server
"""

import asyncio
import sys

from redis import asyncio as redis

ADDRESS = sys.argv[1] if len(sys.argv) > 1 else "redis://localhost:6379"
PREFIX = "example:"  # before every key, so that nobody else's are touched


async def values(client):
    await client.set(PREFIX + "car", "red")
    print("car:", await client.get(PREFIX + "car"), "- boat:", await client.get(PREFIX + "boat"))
    # Redis counts for all its clients: no two get the same number.
    counts = await asyncio.gather(*(client.incr(PREFIX + "visits") for _ in range(5)))
    print("visits:", sorted(counts))
    # A pipeline sends several commands in one go.
    async with client.pipeline() as pipe:
        print("pipeline:", await pipe.hset(PREFIX + "hash", "x", "1").hgetall(PREFIX + "hash").execute())


async def queue(client):
    async def work():
        # blpop waits until there is something; meanwhile other tasks run.
        while (job := (await client.blpop([PREFIX + "jobs"]))[1]) != "stop":
            print("job:", job)

    worker = asyncio.create_task(work())
    await client.rpush(PREFIX + "jobs", "wash", "dry", "stop")
    await worker


async def messages(client):
    async with client.pubsub() as listener:
        await listener.subscribe(PREFIX + "news")
        await client.publish(PREFIX + "news", "it rains")
        async for message in listener.listen():
            print(message["type"], "-", message["data"])
            if message["type"] == "message":
                break


async def main():
    # The client keeps a pool of connections; each of our tasks uses its own while it needs one.
    async with redis.from_url(ADDRESS, decode_responses=True) as client:
        for step in (values, queue, messages):
            await step(client)
        print("deleted:", await client.delete(*[key async for key in client.scan_iter(PREFIX + "*")]))


if __name__ == "__main__":
    asyncio.run(main())
