# redis-py: commands, pipelines, pub/sub, a blocking pop that is cancelled, 50 users of a pool, 8 MB values, timeouts; over TCP,
# a UNIX socket and TLS.
import asyncio
import sys

import ran_on
import redis.asyncio as redis
from redis.exceptions import ResponseError, TimeoutError

PORT, TLS_PORT, SOCKET, CA = sys.argv[1:]
BIG = bytes(range(256)) * 32768  # 8 MB


async def commands(client):
    await client.flushall()
    print(await client.ping(), await client.set("a", "1"), await client.incrby("a", 41), await client.get("missing"))
    await client.rpush("list", *range(5))
    await client.hset("hash", mapping={"x": 1, "y": 2})
    print(await client.lrange("list", 0, -1), sorted((await client.hgetall("hash")).items()))
    print(sorted([key async for key in client.scan_iter()]))
    try:
        await client.lpush("a", 1)
    except ResponseError as error:
        print(error)
    async with client.pipeline(transaction=True) as pipe:
        print((await pipe.set("p", 1).incr("p").get("p").execute())[1:])
    async with client.pipeline(transaction=False) as pipe:
        for number in range(10_000):
            pipe.set(f"many:{number}", number)
        print(len(await pipe.execute()), await client.get("many:9999"))
    await client.set("big", BIG)
    print(await client.get("big") == BIG, await client.strlen("big"))


async def publish_and_subscribe(client):
    async with client.pubsub() as listener:
        await listener.subscribe("news")
        print((await listener.get_message(timeout=30))["type"])
        print(await listener.get_message(ignore_subscribe_messages=True, timeout=0.01))
        print(await client.publish("news", "one"), await client.publish("news", "two"))
        async for message in listener.listen():
            print(message["channel"], message["data"])
            if message["data"] == b"two":
                break


async def blocking(client):
    popping = asyncio.create_task(client.blpop("queue", timeout=0))
    await asyncio.sleep(0.1)
    popping.cancel()
    print((await asyncio.gather(popping, return_exceptions=True))[0].__class__.__name__)
    print(await client.rpush("queue", "kept"), await client.blpop("queue"))
    impatient = redis.Redis(port=int(PORT), socket_timeout=0.1, retry=None)
    try:
        await impatient.blpop("nothing", timeout=0)
    except TimeoutError as error:
        print(type(error).__name__)
    await impatient.aclose()


async def pool():
    shared = redis.BlockingConnectionPool(port=int(PORT), max_connections=10, timeout=60)
    client = redis.Redis(connection_pool=shared)

    async def user(number):
        for _ in range(20):
            await client.incr("count")
            assert await client.echo(str(number)) == str(number).encode()

    await asyncio.gather(*map(user, range(50)))
    print(await client.get("count"))
    await client.aclose()
    await shared.disconnect()


async def main():
    ran_on.tell()
    tls = {"ssl": True, "ssl_ca_certs": CA}
    for options in ({"port": int(PORT)}, {"unix_socket_path": SOCKET}, {"port": int(TLS_PORT), **tls}):
        async with redis.Redis(**options) as client:
            await commands(client)
            await publish_and_subscribe(client)
            await blocking(client)
    await pool()


asyncio.run(main())
print("OK")
