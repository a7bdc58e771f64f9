"""An application, aiohttp's or FastAPI's below uvicorn, in a process of its own, which does what it is told through a pipe."""

import asyncio
import collections
import contextlib

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

    def __init__(self):
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

    async def pieces(self):
        for _ in range(BIG_BYTES // len(PIECE)):
            yield PIECE


def aiohttp_serving(desk):
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

    routes = ("GET", "/hello", hello), ("GET", "/big", big), ("GET", "/wait", wait), ("POST", "/upload", upload)
    return aiohttp_server.serving(*routes, keepalive_timeout=3600, shutdown_timeout=3600)


def fastapi_serving(desk):
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

    return uvicorn_served.serving(app, timeout_keep_alive=3600, timeout_graceful_shutdown=None)


async def _serve(framework, orders):
    ran_on.tell()
    desk = Desk()
    loop = asyncio.get_running_loop()
    loop.add_reader(orders.fileno(), lambda: orders.send(desk.told(orders.recv())))
    async with {"aiohttp": aiohttp_serving, "fastapi": fastapi_serving}[framework](desk) as port:
        orders.send(port)
        await desk.stop.wait()
    loop.remove_reader(orders.fileno())


def serve(framework, orders):
    asyncio.run(_serve(framework, orders))
