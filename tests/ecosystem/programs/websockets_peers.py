"""websockets with peers that misbehave: gone in the middle of a message, silent, slow; broadcasts; connecting again and again."""

import asyncio
import contextlib
import socket
import struct

import held
import ran_on
import websockets
from websockets.asyncio.client import connect
from websockets.asyncio.server import broadcast, serve
from websockets.frames import Frame, Opcode
from websockets.utils import accept_key

ended = asyncio.Queue()


async def listener(socket_):
    try:
        async for message in socket_:
            pass
        ended.put_nowait("finished")
    except websockets.ConnectionClosed as error:
        ended.put_nowait((type(error).__name__, error.code))


async def upgraded(reader, writer, then):
    """A server made by hand: shakes hands, then does `then(writer)`."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    key = next(line.split()[1] for line in head.splitlines() if line.lower().startswith("sec-websocket-key"))
    writer.write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept_key(key)}\r\n\r\n".encode()
    )
    with contextlib.suppress(ConnectionError):
        await then(reader, writer)
    writer.close()


async def half_a_message(reader, writer):
    writer.write(Frame(Opcode.TEXT, b"x" * 100_000).serialize(mask=False)[:50_000])
    await writer.drain()


async def reset(reader, writer):
    writer.write(Frame(Opcode.TEXT, b"last").serialize(mask=False))
    await asyncio.sleep(0.02)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def nonsense(reader, writer):
    writer.write(b"\xff" * 100)
    await reader.read(100)


async def silence(reader, writer):
    while await reader.read(65536):
        pass


async def client(then, **options):
    server = await asyncio.start_server(lambda r, w: upgraded(r, w, then), "127.0.0.1", 0)
    seen = []
    try:
        port = server.sockets[0].getsockname()[1]
        async with connect(f"ws://127.0.0.1:{port}", proxy=None, close_timeout=0.1, **options) as socket_:
            async for message in socket_:
                seen.append(message)
    except websockets.ConnectionClosed as error:
        seen.append((type(error).__name__, error.code))
    server.close()
    return seen


async def main():
    ran_on.tell()
    before = held.now()
    for then in half_a_message, reset, nonsense:
        print(then.__name__, await client(then))
    print("no pong:", await client(silence, ping_interval=0.05, ping_timeout=0.05))

    async with serve(listener, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        url = f"ws://127.0.0.1:{port}"
        async with contextlib.AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(connect(url, proxy=None)) for _ in range(50)]
            while len(server.connections) < 50:
                await asyncio.sleep(0)
            for number in range(100):
                broadcast(server.connections, f"news {number}")
            heard = await asyncio.gather(*map(hear, clients))
            print("broadcast:", all(one == [f"news {n}" for n in range(100)] for one in heard))
            clients[0].transport.pause_reading()  # a slow one does not hold up the others
            for _ in range(30):
                broadcast(server.connections, b"x" * 50_000)
            sizes = await asyncio.gather(*(hear(each, 30) for each in clients[1:]))
            print("past a slow one:", {sum(map(len, one)) for one in sizes})
            clients[0].transport.abort()
        print("listeners:", sorted({str(await ended.get()) for _ in range(50)}))
        count = 0
        async for socket_ in connect(url, proxy=None):
            count += 1
            if count == 5:
                await socket_.close()
                break
            await socket_.close(1012)
        print("connected again:", count, sorted([str(await ended.get()) for _ in range(5)]))
    await held.back_to(before)
    print("OK")


async def hear(socket_, messages=100):
    return [await socket_.recv() for _ in range(messages)]


asyncio.run(main())
