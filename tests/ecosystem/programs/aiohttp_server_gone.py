"""What a client sees of servers that vanish, stall, refuse or talk nonsense; and that its connections do not stay behind."""

import asyncio
import contextlib
import socket
import struct

import aiohttp
import held
import ran_on

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
ANSWERS = {
    "/nothing": b"",
    "/half-head": HEAD[:20],
    "/half-body": HEAD + b"x" * 300000,
    "/half-chunks": CHUNKED,
    "/nonsense": b"\0" * 100 + b"\r\n\r\n",
    "/until-end": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
}


async def serve(reader, writer):
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionResetError):
        await misbehave(reader, writer)
    writer.close()


async def misbehave(reader, writer):
    path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
    path, _, end = path.partition("?")
    if path == "/stall":
        await reader.read()
    else:
        writer.write(ANSWERS[path])
        await writer.drain()
    if end == "RST":
        await asyncio.sleep(0.02)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    elif end == "stall":
        await reader.read()


async def told(session, url, **options):
    try:
        async with session.get(url, **options) as answer:
            return len(await answer.read())
    except (aiohttp.ClientError, TimeoutError, asyncio.CancelledError) as error:
        return f"{type(error).__name__} {type(error.__cause__).__name__}"


async def main():
    ran_on.tell()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = "http://127.0.0.1:%d" % server.sockets[0].getsockname()[1]
    before = held.now()
    async with aiohttp.ClientSession() as session:
        for path in ANSWERS:
            for end in "FIN", "RST":
                print(path, end, {await told(session, f"{url}{path}?{end}") for _ in range(10)})

        def limit(**limits):
            return {"timeout": aiohttp.ClientTimeout(**limits)}

        print("stalled before the head:", await told(session, url + "/stall", **limit(sock_read=0.05)))
        print("stalled in the body:", await told(session, url + "/half-body?stall", **limit(sock_read=0.05)))
        print("too long in all:", await told(session, url + "/half-chunks?stall", **limit(total=0.05)))
        asking = [asyncio.create_task(told(session, url + "/half-body?stall")) for _ in range(30)]
        for number, task in enumerate(asking):
            await asyncio.sleep(0 if number % 3 else 0.002)
            task.cancel()
        ends = await asyncio.gather(*asking, return_exceptions=True)
        print("cancelled anywhere:", {type(end) if isinstance(end, BaseException) else end.split()[0] for end in ends})

        with socket.create_server(("127.0.0.1", 0)) as bound:
            refused = "http://127.0.0.1:%d" % bound.getsockname()[1]
        print("refused:", await told(session, refused))
        with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
            address = full.getsockname()
            waiting = [socket.create_connection(address)]
            print("not accepted:", await told(session, "http://127.0.0.1:%d" % address[1], **limit(sock_connect=0.05)))
            for sock in waiting:
                sock.close()
    await held.back_to(before)
    server.close()
    await server.wait_closed()
    print("OK")


asyncio.run(main())
