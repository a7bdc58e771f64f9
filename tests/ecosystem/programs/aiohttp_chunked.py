"""Bodies of unknown length, chunk by chunk in both directions at once; compressed; and bodies larger than the server allows."""

import asyncio

import aiohttp
import ran_on
from aiohttp import web
from aiohttp_server import serving
from pattern import Seen, blocks, checksum

SIZE_BYTES = 5_000_003


async def echo(request):
    answer = web.StreamResponse()
    answer.enable_chunked_encoding()
    await answer.prepare(request)
    async for chunk in request.content.iter_any():
        await answer.write(chunk)
    await answer.write_eof(b"end")
    return answer


async def compressed(request):
    answer = web.Response(body=b"".join(blocks(SIZE_BYTES)))
    answer.enable_compression(web.ContentCoding(request.match_info["coding"]))
    return answer


async def whole(request):
    return web.Response(text=str(len(await request.read())))


async def main():
    ran_on.tell()
    expected = checksum([*blocks(SIZE_BYTES), b"end"])
    routes = ("POST", "/echo", echo), ("GET", "/compressed/{coding}", compressed), ("POST", "/whole", whole)
    async with serving(*routes) as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:

        async def slowly():
            for number, block in enumerate(blocks(SIZE_BYTES)):
                await asyncio.sleep(0.01 if number % 7 == 0 else 0)
                yield block

        async def there_and_back(body, **options):
            seen = Seen()
            async with session.post("/echo", data=body, **options) as answer:
                async for chunk in answer.content.iter_any():
                    seen.add(chunk)
            return answer.headers.get("Transfer-Encoding"), "Content-Length" in answer.headers, seen.sum == expected

        print("echo:", await there_and_back(slowly()))
        print("echo of deflated:", await there_and_back(slowly(), compress="deflate"))
        print("expecting 100:", await there_and_back(slowly(), expect100=True))
        print("ten at once:", set(await asyncio.gather(*(there_and_back(slowly()) for _ in range(10)))))
        for coding in "gzip", "deflate":
            async with session.get(f"/compressed/{coding}") as answer:
                body = await answer.read()
                print(answer.headers["Content-Encoding"], checksum([body, b"end"]) == expected)
        async with session.post("/whole", data=slowly()) as answer:
            print("too large:", answer.status)
        async with session.post("/whole", data=b"small") as answer:
            print("after that:", answer.status, await answer.text())
    print("OK")


asyncio.run(main())
