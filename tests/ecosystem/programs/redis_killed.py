# redis-py: the server is killed in the middle of a command; the client says ConnectionError, and works with the next.
import asyncio
import sys

import ran_on
import redis.asyncio as redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError
from redis.retry import Retry


async def started():
    # In a directory of its own: the path of the socket is relative, hence short.
    arguments = ["--port", "0", "--unixsocket", "redis.sock", "--save", ""]
    server = await asyncio.create_subprocess_exec(sys.argv[1], *arguments, stdout=asyncio.subprocess.PIPE)
    async for line in server.stdout:
        if b"ready to accept connections" in line.lower():
            return server


async def end(server):
    server.kill()
    print(await server.wait())
    await server.stdout.read()


async def main():
    ran_on.tell()
    server = await started()
    async with redis.Redis(unix_socket_path="redis.sock", retry=Retry(NoBackoff(), 0)) as client:
        popping = asyncio.create_task(client.blpop("queue", timeout=0))
        while not (await client.info("clients"))["blocked_clients"]:
            await asyncio.sleep(0.01)
        await end(server)
        for command in (popping, client.ping()):
            try:
                await command
            except ConnectionError as error:
                print(type(error).__name__)
        server = await started()
        print(await client.ping(), await client.set("a", 1), await client.get("a"))
        await end(server)


asyncio.run(main())
print("OK")
