"""An HTTP server and a client in one program, with aiohttp: both wait on the same loop, for each other."""

import asyncio

from aiohttp import ClientSession, web

visits = 0


async def hello(request):
    # A handler per visitor; while one waits, the others are served.
    global visits
    visits += 1
    await asyncio.sleep(0.02)
    return web.Response(text=f"Hello, {request.match_info['name']}!")


async def add(request):
    numbers = await request.json()  # the body arrives piece by piece, so it is awaited
    if not numbers:
        raise web.HTTPBadRequest(reason="no numbers")
    return web.json_response({"sum": sum(numbers)})


async def start_server():
    app = web.Application()
    app.add_routes([web.get("/hello/{name}", hello), web.post("/sum", add)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()  # port 0: any free one
    host, port = runner.addresses[0]
    return runner, f"http://{host}:{port}"


async def get_text(session, path):
    async with session.get(path) as response:
        return await response.text()


async def main():
    runner, address = await start_server()
    # One session for all requests: it keeps connections open and uses them again.
    async with ClientSession(address) as session:
        names = ("Ann", "Bob", "Cem")
        print(await asyncio.gather(*(get_text(session, f"/hello/{name}") for name in names)))
        print("visits:", visits)

        async with session.post("/sum", json=[1, 2, 3]) as response:
            print(response.status, await response.json())
        async with session.post("/sum", json=[]) as response:
            print(response.status, response.reason)
        async with session.get("/nowhere") as response:
            print(response.status, response.content_type)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
