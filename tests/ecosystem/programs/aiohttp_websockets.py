"""WebSockets: echo, big frames, close codes from either side, heartbeats that save or end a connection, a peer that vanishes."""

import asyncio
import contextlib

import aiohttp
import held
import ran_on
from aiohttp import WSCloseCode, WSMsgType, web
from aiohttp_server import serving
from pattern import blocks, checksum

closed = asyncio.Queue()


async def echo(request):
    socket = web.WebSocketResponse(max_msg_size=0, heartbeat=float(request.query.get("heartbeat", 0)) or None)
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.ERROR:
            continue
        if message.type is WSMsgType.BINARY:
            await socket.send_bytes(message.data)
        elif message.data == "go away":
            await socket.close(code=WSCloseCode.GOING_AWAY, message=b"as you wish")
        elif message.data == "vanish":
            request.transport.abort()
        else:
            await socket.send_str(message.data)
    closed.put_nowait((socket.close_code, type(socket.exception()).__name__))
    return socket


async def main():
    ran_on.tell()
    async with (
        serving(("GET", "/echo", echo)) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):
        before = held.now()
        for compress in 0, 15:
            async with session.ws_connect("/echo", max_msg_size=0, compress=compress) as socket:
                await asyncio.gather(*(socket.send_str(str(n)) for n in range(1000)))
                print("in order:", [int((await socket.receive()).data) for _ in range(1000)] == list(range(1000)))
                big = b"".join(blocks(16 << 20))
                await socket.send_bytes(big)
                print("big:", checksum([await socket.receive_bytes()]) == checksum([big]))
                await socket.ping(b"?")
                print("close:", await socket.close(code=4001, message=b"enough"), socket.close_code, await closed.get())

        async with session.ws_connect("/echo") as socket:
            await socket.send_str("go away")
            message = await socket.receive()
            print("server closes:", message.type.name, message.data, message.extra, await closed.get())
        async with session.ws_connect("/echo") as socket:
            await socket.send_str("vanish")
            print("server vanishes:", (await socket.receive()).type.name, socket.close_code, await closed.get())
        async with session.ws_connect("/echo") as socket:
            await socket.send_str("?")
            await socket.receive()
            socket._response.connection.transport.abort()
            print("client vanishes:", await closed.get())
        with contextlib.suppress(TimeoutError):
            async with session.ws_connect("/echo") as socket, asyncio.timeout(0.05):
                await socket.receive()
        print("cancelled while waiting:", await closed.get())

        async with session.ws_connect("/echo?heartbeat=0.05") as socket:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.4):
                    await socket.receive()
            await socket.send_str("still there")
            print("beats answered:", await socket.receive_str())
        print(await closed.get())
        async with session.ws_connect("/echo?heartbeat=0.05", autoping=False) as socket:
            pings = 0
            while (message := await socket.receive()).type is WSMsgType.PING:
                pings += 1
            print("beats unanswered:", pings, message.type.name, socket.close_code, await closed.get())

        async def one(number):
            async with session.ws_connect("/echo") as socket:
                for turn in range(20):
                    await socket.send_str(f"{number}.{turn}")
                    assert await socket.receive_str() == f"{number}.{turn}"

        await asyncio.gather(*map(one, range(100)))
        print("100 at once:", {await closed.get() for _ in range(100)})
        await session.close()
        await held.back_to(before)
    print("OK")


asyncio.run(main())
