"""A site on a unix socket: exceptions in handlers, requests under way when the server is cleaned up, hooks in their order."""

import asyncio
import logging

import aiohttp
import held
import ran_on
from aiohttp import web

logged = []


class Logged(logging.Handler):
    def emit(self, record):
        logged.append((record.getMessage(), record.exc_info and record.exc_info[0].__name__))


async def slow(request):
    try:
        await asyncio.sleep(float(request.query["seconds"]))
    except asyncio.CancelledError:
        logged.append("handler cancelled")
        raise
    return web.Response(text="finished")


async def broken(request):
    raise ValueError("in the handler")


async def broken_later(request):
    answer = web.StreamResponse(headers={"Content-Length": "10"})
    await answer.prepare(request)
    await answer.write(b"12345")
    raise ValueError("in the body")


async def redirect(request):
    raise web.HTTPFound("/slow?seconds=0")


async def hooked(app):
    print("up")
    yield
    print("down")


def application():
    app = web.Application()
    app.cleanup_ctx.append(hooked)
    app.add_routes([web.get("/" + handler.__name__, handler) for handler in (slow, broken, broken_later, redirect)])
    return app


async def ask(session, path):
    try:
        async with session.get("http://anything" + path) as answer:
            return answer.status, (await answer.text())[:9]
    except aiohttp.ClientError as error:
        return type(error).__name__


async def main():
    ran_on.tell()
    logger = logging.getLogger("aiohttp.server")
    logger.addHandler(Logged())
    logger.propagate = False
    before = held.now()
    for shutdown_seconds in 5, 0.1:
        runner = web.AppRunner(application(), access_log=None, shutdown_timeout=shutdown_seconds)
        await runner.setup()
        await web.UnixSite(runner, "server.sock").start()
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector("server.sock")) as session:
            for path in "/slow?seconds=0", "/broken", "/broken_later", "/redirect", "/nowhere":
                print(path, await ask(session, path))
            seconds = 0.3 if shutdown_seconds > 1 else 60
            under_way = [asyncio.create_task(ask(session, f"/slow?seconds={seconds}")) for _ in "123"]
            await asyncio.sleep(0.1)
            await runner.cleanup()
            print("under way:", await asyncio.gather(*under_way))
            print("afterwards:", await ask(session, "/slow?seconds=0"))
        print(logged)
        logged.clear()
    await held.back_to(before)
    print("OK")


asyncio.run(main())
