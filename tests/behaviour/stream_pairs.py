"""A client and a server of asyncio's streams, or of their twins."""

import asyncio
import contextlib


@contextlib.asynccontextmanager
async def connected(lib, kind, path, handler, **kwargs):
    """``async with connected(…) as (reader, writer)``: `lib` has the functions, `kind` is "tcp" or "unix" (a socket at `path`). When
    it ends the handler has ended."""
    finished = asyncio.Event()

    async def tracked(reader, writer):
        try:
            await handler(reader, writer)
        finally:
            writer.close()
            finished.set()

    if kind == "tcp":
        server = await lib.start_server(tracked, "127.0.0.1", 0, **kwargs)
        reader, writer = await lib.open_connection(*server.sockets[0].getsockname(), **kwargs)
    else:
        server = await lib.start_unix_server(tracked, path, **kwargs)
        reader, writer = await lib.open_unix_connection(path, **kwargs)
    try:
        yield reader, writer
    finally:
        writer.close()
        await finished.wait()
        server.close()
        await server.wait_closed()
