"""HTTPS: verified, refused for its name or its issuer, spoken to a port without TLS, in bulk, and cut off without goodbye."""

import asyncio

import aiohttp
import held
import ran_on
from aiohttp import web
from aiohttp_server import serving
from certified import client_context, server_context
from pattern import Seen, blocks, checksum

SIZE_BYTES = 100_000_001


async def echo(request):
    answer = web.StreamResponse()
    await answer.prepare(request)
    async for chunk in request.content.iter_any():
        await answer.write(chunk)
    return answer


async def cut(request):
    answer = web.StreamResponse(headers={"Content-Length": "1000000"})
    await answer.prepare(request)
    await answer.write(b"x" * 1000)
    request.transport.abort() if "rudely" in request.query else request.transport.close()
    return answer


async def get(session, url):
    try:
        async with session.post(url, data=b"hello") as answer:
            return (await answer.read()).decode()
    except aiohttp.ClientError as error:
        return [base.__name__ for base in (type(error), type(error.__cause__))]


async def main():
    ran_on.tell()
    routes = ("POST", "/", echo), ("POST", "/cut", cut)
    connector = aiohttp.TCPConnector(ssl=client_context())
    async with (
        serving(*routes, ssl_context=server_context()) as port,
        serving(*routes, ssl_context=server_context(elsewhere=True)) as other_port,
        serving(*routes) as plain_port,
        aiohttp.ClientSession(connector=connector) as session,
        aiohttp.ClientSession() as distrustful,
    ):
        before = held.now()
        for host in "localhost", "127.0.0.1":
            print("right name:", await get(session, f"https://{host}:{port}"))
        print("wrong name:", await get(session, f"https://localhost:{other_port}"))
        print("unknown issuer:", await get(distrustful, f"https://localhost:{port}"))
        print("no TLS there:", (await get(session, f"https://localhost:{plain_port}"))[0])
        print("TLS there:", await get(session, f"http://localhost:{port}"))
        for how in "", "?rudely":
            print("cut off" + how, await get(session, f"https://localhost:{port}/cut{how}"))

        async def bulk(size):
            async def body():
                for block in blocks(size):
                    yield block

            seen = Seen()
            async with session.post(f"https://localhost:{port}", data=body()) as answer:
                async for chunk in answer.content.iter_any():
                    seen.add(chunk)
            return seen.sum == checksum(blocks(size))

        await bulk(SIZE_BYTES // 4)
        peak = held.peak_mib()
        print("bulk:", await bulk(SIZE_BYTES), "flat:", held.peak_mib() - peak < 16)
        print("at once:", set(await asyncio.gather(*(bulk(1_000_000) for _ in range(20)))))
        asking = [asyncio.create_task(get(session, f"https://localhost:{port}")) for _ in range(40)]
        for number, task in enumerate(asking):
            await asyncio.sleep(0 if number % 4 else 0.003)
            task.cancel()
        ends = await asyncio.gather(*asking, return_exceptions=True)
        print("cancelled anywhere:", all(end == "hello" or isinstance(end, asyncio.CancelledError) for end in ends))
        async with session.post(f"https://localhost:{port}/cut") as answer:
            answer.connection.transport.abort()
        await session.close()
        await distrustful.close()
        await held.back_to(before)
    print("OK")


asyncio.run(main())
