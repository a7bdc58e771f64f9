"""Files by sendfile: whole, in ranges, not modified, gzipped beforehand, to slow readers and to some that leave midway."""

import asyncio
import gzip
import pathlib

import aiohttp
import held
import ran_on
from aiohttp import web
from aiohttp_server import serving
from pattern import Seen, blocks, checksum

SIZE_BYTES = 60_000_007


async def file(request):
    return web.FileResponse(request.match_info["name"])


async def main():
    ran_on.tell()
    with open("big.bin", "wb") as big:
        for block in blocks(SIZE_BYTES):
            big.write(block)
    pathlib.Path("text.txt").write_bytes(b"0123456789" * 1000)
    pathlib.Path("text.txt.gz").write_bytes(gzip.compress(b"0123456789" * 1000))
    pathlib.Path("empty.txt").touch()
    async with serving(("GET", "/{name}", file)) as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:

        async def get(name, method="GET", **headers):
            headers = {key.replace("_", "-"): value for key, value in headers.items()}
            async with session.request(method, "/" + name, headers=headers) as answer:
                return answer.status, answer.headers.get("Content-Range"), len(await answer.read()), answer.headers

        async def whole(pause=0.0):
            seen = Seen()
            async with session.get("/big.bin") as answer:
                async for chunk in answer.content.iter_any():
                    if pause:
                        await asyncio.sleep(pause)
                        pause = 0.0 if seen.sum[0] > 1_000_000 else pause
                    seen.add(chunk)
            return seen.sum == checksum(blocks(SIZE_BYTES))

        before = held.now()
        print("whole:", await whole(), "slowly:", await whole(0.005))
        print("at once:", await asyncio.gather(*(whole() for _ in range(5))))
        for name in "text.txt", "empty.txt", "missing.txt":
            print(name, (await get(name, Accept_Encoding="identity"))[:3], (await get(name, "HEAD"))[:3])
        for wanted in "bytes=0-0", "bytes=10-", "bytes=-7", "bytes=9000-99999", "bytes=20000-":
            print(wanted, (await get("text.txt", Range=wanted, Accept_Encoding="identity"))[:3])
        print("far in:", (await get("big.bin", Range=f"bytes={SIZE_BYTES - 1000001}-"))[:3])
        status, _, size, headers = await get("text.txt", Accept_Encoding="gzip")
        print("gzipped:", status, size, headers["Content-Encoding"])
        print("not modified:", (await get("text.txt", If_None_Match=headers["ETag"], Accept_Encoding="gzip"))[:3])
        await session.close()

        async def leave(number):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /big.bin HTTP/1.1\r\nHost: x\r\n\r\n")
            await reader.readexactly(1 + number * 100_000)
            writer.close() if number % 2 else writer.transport.abort()

        await asyncio.gather(*map(leave, range(10)))
        await held.back_to(before)
    print("OK")


asyncio.run(main())
