"""An application, aiohttp's or FastAPI's below uvicorn, in a process of its own, which does what it is told through a pipe."""

import asyncio
import collections
import contextlib
import os

import aiohttp_server
import fastapi
import held
import ran_on
import uvicorn_served
from aiohttp import web
from fastapi.responses import PlainTextResponse, StreamingResponse
from under_fire import rss_kib

BIG_BYTES = 4_000_000
PIECE = bytes(100_000)


class Desk:
    """What the handlers of both applications share, and the orders of whoever visits them."""

    def __init__(self, file):
        self.file = file and os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.gate, self.stop = asyncio.Event(), asyncio.Event()
        self.under_way, self.ends = 0, collections.Counter()

    def told(self, order):
        if order == "release":
            self.gate.set()
            self.gate = asyncio.Event()
        elif order == "stop":
            self.stop.set()
        elif order == "ends":
            ends, self.ends = dict(self.ends), collections.Counter()
            return ends
        return {"under way": self.under_way, "held": held.now(), "rss": rss_kib()}.get(order)

    @contextlib.contextmanager
    def noted(self):
        self.under_way += 1
        try:
            yield
            self.ends["finished"] += 1
        except Exception as error:  # and not on to the framework, which would log it
            self.ends[type(error).__name__] += 1
        except asyncio.CancelledError:
            self.ends["cancelled"] += 1
            raise
        finally:
            self.under_way -= 1

    def keep(self, number):
        # The kernel has it when this returns: it outlives us, as an acknowledged write must.
        os.write(self.file, f"{number}\n".encode())

    async def pieces(self):
        for _ in range(BIG_BYTES // len(PIECE)):
            yield PIECE


def aiohttp_serving(desk, port):
    async def hello(request):
        return web.Response(text="hello")

    async def big(request):
        answer = web.StreamResponse(headers={"Content-Length": str(BIG_BYTES)})
        await answer.prepare(request)
        async for piece in desk.pieces():
            await answer.write(piece)
        return answer

    async def wait(request):
        with desk.noted():
            await desk.gate.wait()
        return web.Response(text="released")

    async def upload(request):
        size = None
        with desk.noted():
            size = len(await request.read())
        return web.Response(text=str(size))

    async def keep(request):
        await request.read()
        desk.keep(number := request.match_info["number"])
        return web.Response(text=number)

    routes = ("GET", "/hello", hello), ("GET", "/big", big), ("GET", "/wait", wait), ("POST", "/upload", upload)
    kept = "POST", "/numbers/{number}", keep
    return aiohttp_server.serving(*routes, kept, port=port, keepalive_timeout=3600, shutdown_timeout=3600)


def fastapi_serving(desk, port):
    app = fastapi.FastAPI(default_response_class=PlainTextResponse)

    @app.get("/hello")
    async def hello():
        return "hello"

    @app.get("/big")
    async def big():
        return StreamingResponse(desk.pieces(), headers={"Content-Length": str(BIG_BYTES)})

    @app.get("/wait")
    async def wait():
        with desk.noted():
            await desk.gate.wait()
        return "released"

    @app.post("/upload")
    async def upload(request: fastapi.Request):
        size = None
        with desk.noted():
            size = len(await request.body())
        return str(size)

    @app.post("/numbers/{number}")
    async def keep(number: int, request: fastapi.Request):
        await request.body()
        desk.keep(number)
        return str(number)

    return uvicorn_served.serving(app, port, timeout_keep_alive=3600, timeout_graceful_shutdown=None)


async def _serve(framework, orders, port, file):
    ran_on.tell()
    desk = Desk(file)
    loop = asyncio.get_running_loop()
    loop.add_reader(orders.fileno(), lambda: orders.send(desk.told(orders.recv())))
    async with {"aiohttp": aiohttp_serving, "fastapi": fastapi_serving}[framework](desk, port) as port:
        orders.send(port)
        await desk.stop.wait()
    loop.remove_reader(orders.fileno())


def serve(framework, orders, port=0, file=None):
    """On a free port, or on `port`; `file` is where the numbers go that clients send."""
    asyncio.run(_serve(framework, orders, port, file))
