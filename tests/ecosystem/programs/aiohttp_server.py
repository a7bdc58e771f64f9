"""An aiohttp server for one program: on a free port, gone when the block ends."""

import contextlib

from aiohttp import web


@contextlib.asynccontextmanager
async def serving(*routes, port=0, ssl_context=None, **runner_options):
    """Serve (method, path, handler) triples; enter with the port."""
    app = web.Application(client_max_size=1 << 20)
    app.add_routes([web.route(*route) for route in routes])
    runner = web.AppRunner(app, access_log=None, **runner_options)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=ssl_context).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
