"""Servers of sockets, datagrams and pages."""

import asyncio
import contextlib
import socket

from .answers import page
from .options import BACKLOG, HOST, READ_BYTES, Options


async def sock(options: Options) -> dict:
    """sock_accept, and for each connection sock_recv and sock_sendall."""
    loop = asyncio.get_running_loop()
    listener = socket.create_server((HOST, 0), backlog=BACKLOG)
    listener.setblocking(False)
    tasks = set()

    async def echo(connection):
        with connection, contextlib.suppress(ConnectionError):
            while data := await loop.sock_recv(connection, READ_BYTES):
                await loop.sock_sendall(connection, data)

    async def accept():
        while True:
            connection, _ = await loop.sock_accept(listener)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = loop.create_task(echo(connection))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    tasks.add(loop.create_task(accept()))
    return {"port": listener.getsockname()[1]}


class EchoDatagrams(asyncio.DatagramProtocol):
    """Sends back what it receives."""

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        self.transport.sendto(data, address)


async def datagram(options: Options) -> dict:
    """UDP."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(EchoDatagrams, local_addr=(HOST, 0))
    return {"port": transport.get_extra_info("sockname")[1]}


async def aiohttp(options: Options) -> dict:
    """A page by aiohttp."""
    from aiohttp import web

    body = page(options.reply_bytes)

    async def get(request):
        return web.Response(body=body)

    application = web.Application()
    application.router.add_get("/", get)
    runner = web.AppRunner(application, access_log=None, handle_signals=False)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0, backlog=BACKLOG).start()
    return {"port": runner.addresses[0][1]}


async def uvicorn(options: Options) -> dict:
    """A page by uvicorn, without a framework."""
    import uvicorn as package

    body = page(options.reply_bytes)
    start = {
        "type": "http.response.start",
        "status": 200,
        "headers": [(b"content-length", str(len(body)).encode()), (b"content-type", b"application/octet-stream")],
    }

    async def application(scope, receive, send):
        await send(start)
        await send({"type": "http.response.body", "body": body})

    config = package.Config(
        application, HOST, 0, http="httptools", ws="none", lifespan="off", log_level="error", access_log=False, backlog=BACKLOG
    )  # fmt: skip
    server = package.Server(config)
    serving = asyncio.get_running_loop().create_task(server.serve())
    while not server.started:
        if serving.done():
            await serving
        await asyncio.sleep(0.01)
    return {"port": server.servers[0].sockets[0].getsockname()[1]}
