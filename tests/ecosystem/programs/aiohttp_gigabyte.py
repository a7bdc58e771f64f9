"""argv: bytes. So many go up and as many come down, none lost or out of place, while memory stays flat."""

import asyncio
import sys

import aiohttp
import held
import ran_on
from aiohttp import web
from aiohttp_server import serving
from pattern import Seen, blocks, checksum

GROWTH_MIB = 48  # of both ends together


async def upload(request):
    seen = Seen()
    async for chunk in request.content.iter_any():
        seen.add(chunk)
    return web.json_response(seen.sum)


async def download(request):
    size = int(request.match_info["size"])
    answer = web.StreamResponse(headers={"Content-Length": str(size)})
    await answer.prepare(request)
    for block in blocks(size):
        await answer.write(block)
    return answer


async def both_ways(session, size):
    async def body():
        for block in blocks(size):
            yield block

    async with session.post("/up", data=body()) as answer:
        up = tuple(await answer.json())
    seen = Seen()
    async with session.get(f"/down/{size}") as answer:
        async for chunk in answer.content.iter_any():
            seen.add(chunk)
    return up, seen.sum


async def main():
    ran_on.tell()
    size = int(sys.argv[1])
    timeout = aiohttp.ClientTimeout(total=None)
    async with (
        serving(("POST", "/up", upload), ("GET", "/down/{size}", download)) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}", timeout=timeout) as session,
    ):
        await both_ways(session, 32 << 20)
        before = held.peak_mib()
        up, down = await both_ways(session, size)
        grown = held.peak_mib() - before
        expected = checksum(blocks(size))
        print("up:", up == expected, "down:", down == expected)
        print("flat:", grown < GROWTH_MIB or f"grew by {grown:.0f} MiB")
    print("OK")


asyncio.run(main())
