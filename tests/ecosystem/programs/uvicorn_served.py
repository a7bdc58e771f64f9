"""uvicorn for one program, in its own loop: on a free port, gone when the block ends."""

import asyncio
import contextlib

import uvicorn


class _Quiet(uvicorn.Server):
    """The signals are the program's own affair."""

    @contextlib.contextmanager
    def capture_signals(self):
        yield


@contextlib.asynccontextmanager
async def serving(app, port=0, **options):
    """Serve an ASGI application; enter with the port."""
    options = {"log_config": None, "access_log": False, "timeout_graceful_shutdown": 5, **options}
    server = _Quiet(uvicorn.Config(app, host="127.0.0.1", port=port, **options))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.001)
        assert not task.done()
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task
