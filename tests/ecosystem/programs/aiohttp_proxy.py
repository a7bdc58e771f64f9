"""HTTPS through a proxy's tunnel: TLS begins on a connection in use (`start_tls`), and once more inside TLS."""

import asyncio
import contextlib

import aiohttp
import held
import ran_on
from aiohttp import web
from aiohttp_server import serving
from certified import client_context, server_context
from pattern import blocks, checksum

BODY = b"".join(blocks(1_000_000))
tunnels = []


async def copy(reader, writer):
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def proxy(reader, writer):
    host, port = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode().split(":")
    tunnels.append(writer)
    try:
        far_reader, far_writer = await asyncio.open_connection(host, port)
    except OSError:
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        writer.close()
        return
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))


async def echo(request):
    return web.Response(body=await request.read())


async def main():
    ran_on.tell()
    trusting = client_context()
    async with serving(("POST", "/", echo), ssl_context=server_context()) as port:
        for scheme, context in ("http", None), ("https", server_context()):
            server = await asyncio.start_server(proxy, "127.0.0.1", 0, ssl=context)
            before = held.now()
            options = {"proxy": f"{scheme}://localhost:{server.sockets[0].getsockname()[1]}", "ssl": trusting}
            url = f"https://localhost:{port}/"
            async with aiohttp.ClientSession() as session:

                async def ask(data):
                    async with session.post(url, data=data, **options) as answer:
                        return await answer.read()

                async def big():
                    for start in range(0, len(BODY), 100_000):
                        yield BODY[start : start + 100_000]

                answers = [await ask(b"one"), await ask(b"two")]
                print(scheme, answers, "tunnels:", len(tunnels))
                print("big:", checksum([await ask(big())]) == checksum([BODY]))
                print("at once:", set(await asyncio.gather(*(ask(b"x" * 100) for _ in range(20)))) == {b"x" * 100})
                try:
                    await session.get("https://localhost:1/", **options)
                except aiohttp.ClientError as error:
                    print("no way on:", type(error).__name__, error.status)
                tunnels[-2].transport.abort()
            await held.back_to(before)
            tunnels.clear()
            server.close()
    print("OK")


asyncio.run(main())
