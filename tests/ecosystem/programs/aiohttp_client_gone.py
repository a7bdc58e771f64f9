"""Clients that leave in the middle, politely (FIN), half (no more to say) or rudely (RST), leave nothing behind in the server."""

import asyncio
import collections
import socket
import struct

import held
import ran_on
from aiohttp import web
from aiohttp_server import serving

ended = collections.Counter()
under_way = 0
RST_ON_CLOSE = struct.pack("ii", 1, 0)


async def noted(body):
    global under_way
    under_way += 1
    try:
        await body
        ended["finished"] += 1
    except asyncio.CancelledError:
        ended["cancelled"] += 1
        raise
    except ConnectionError as error:
        ended[type(error).__name__] += 1
    finally:
        under_way -= 1


async def endless(request):
    async def body():
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(b"x" * 65536)

    await noted(body())
    return web.Response()


async def never(request):
    await noted(asyncio.Event().wait())


async def upload(request):
    async def body():
        await request.read()

    await noted(body())
    return web.Response()


async def leave(port, path, how):
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    body = "Content-Length: 10\r\n\r\nhalf" if path == "/upload" else "\r\n"
    writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\n{body}".encode())
    if path == "/endless":
        await reader.readexactly(100)
    while not under_way:
        await asyncio.sleep(0)
    if how == "RST":
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
        writer.transport.abort()
    elif how == "half":
        writer.write_eof()
        await asyncio.sleep(0.02)
    writer.close()
    try:
        await writer.wait_closed()
    except ConnectionError:
        pass


async def main():
    ran_on.tell()
    routes = [("POST", "/" + handler.__name__, handler) for handler in (endless, never, upload)]
    for cancelling in True, False:
        async with serving(*routes, handler_cancellation=cancelling, shutdown_timeout=0.1) as port:
            before = held.now()
            for path in ("/endless", "/upload", "/never") if cancelling else ("/endless", "/upload"):
                for how in "FIN", "half", "RST":
                    ended.clear()
                    await asyncio.gather(*(leave(port, path, how) for _ in range(20)))
                    await held.back_to(before)
                    print("handlers cancelled" if cancelling else "handlers left alone", path, how, dict(ended))
    print("OK")


asyncio.run(main())
