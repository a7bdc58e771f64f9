"""The websockets library on both sides: frames of every size, fragments, compression, pings, close codes, TLS, a unix socket."""

import asyncio
import logging
import random

import held
import ran_on
import websockets
from certified import client_context, server_context
from pattern import blocks
from websockets.asyncio.client import connect, unix_connect
from websockets.asyncio.server import serve, unix_serve

BIG = b"".join(blocks(4 << 20))
closed = asyncio.Queue()


async def note_end(socket):
    await socket.wait_closed()
    closed.put_nowait((socket.close_code, socket.close_reason))


async def handler(socket):
    socket.noting = asyncio.create_task(note_end(socket))
    async for message in socket:
        if message == "close":
            return await socket.close(4000, "as you wish")
        if message == "raise":
            raise ValueError("in the handler")
        if message == "return":
            return
        await socket.send(message)


async def visit(socket):
    for message in "", "text", b"", b"\0" * 125, b"1" * 126, b"2" * 65535, b"3" * 65536, BIG, "é" * 100_000:
        await socket.send(message)
        assert await socket.recv() == message
    await socket.send(BIG[n : n + 70_000] for n in range(0, len(BIG), 70_000))
    assert await socket.recv() == BIG
    await asyncio.gather(*(socket.send(str(n)) for n in range(2000)))
    assert [await socket.recv() for _ in range(2000)] == [str(n) for n in range(2000)]
    pongs = [await socket.ping() for _ in range(20)]
    assert all(latency >= 0 for latency in await asyncio.gather(*pongs))
    await socket.close(1000, "enough")
    return await closed.get()


async def cut_short(url):
    async with connect(url, proxy=None) as socket:
        async with asyncio.timeout(0.02 * random.random()):
            while True:
                await socket.send(b"x" * 10_000)
                await socket.recv()


async def main():
    ran_on.tell()
    logging.getLogger("websockets.server").setLevel(logging.CRITICAL)
    before = held.now()
    options = {"max_size": None, "max_queue": 8}
    for compression in None, "deflate":
        async with serve(handler, "127.0.0.1", 0, compression=compression, **options) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with connect(url, compression=compression, proxy=None, **options) as socket:
                print(compression, await visit(socket))
            for last_words in "close", "raise", "return":
                async with connect(url, proxy=None) as socket:
                    await socket.send(last_words)
                    try:
                        await socket.recv()
                    except websockets.ConnectionClosed as error:
                        print(last_words, type(error).__name__, error.rcvd, await closed.get())
            async with connect(url, proxy=None) as socket:
                socket.transport.abort()
                print("client gone:", await closed.get())
            ends = await asyncio.gather(*(cut_short(url) for _ in range(50)), return_exceptions=True)
            print("cut short:", {type(end).__name__ for end in ends}, {(await closed.get())[0] for _ in ends})
            async with connect(url, proxy=None) as socket:
                server.close()
                try:
                    print("message:", await socket.recv())
                except websockets.ConnectionClosed as error:
                    print("server closes:", error.rcvd, await closed.get())
    async with serve(handler, "127.0.0.1", 0, ssl=server_context(), **options) as server:
        url = f"wss://localhost:{server.sockets[0].getsockname()[1]}"
        async with connect(url, ssl=client_context(), proxy=None, **options) as socket:
            print("TLS", await visit(socket))
    async with unix_serve(handler, "server.sock", **options), unix_connect("server.sock", **options) as socket:
        print("unix", await visit(socket))
    await held.back_to(before)
    print("OK")


asyncio.run(main())
