"""A picture server: plain asyncio and aiohttp, nothing else.

usage: picture_server.py DIRECTORY

/index.json            what there is: name, size in bytes and SHA-256 of every picture
/pictures/NAME         one picture

The kernel picks the port; the first line printed says which. SIGTERM or Ctrl-C stops it.
"""

import asyncio
import hashlib
import pathlib
import signal
import sys

from aiohttp import web


def describe(picture):
    """What the index says about one picture."""
    content = picture.read_bytes()
    return {
        "name": picture.name,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


async def main():
    directory = pathlib.Path(sys.argv[1])
    # Summed once, before anybody asks: the sums are of the pictures as they were at the start.
    index = [describe(picture) for picture in sorted(directory.iterdir())]

    async def send_index(request):
        return web.json_response(index)

    app = web.Application()
    app.router.add_get("/index.json", send_index)
    app.router.add_static("/pictures", directory)

    # From here on: what web.run_app does, written out, because run_app does not tell the port.
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()  # port 0: any free one
    host, port = runner.addresses[0]

    # Two signals set one event; main() waits for it and then cleans up.
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signal_number, stop.set)

    kind = f"{type(loop).__module__}.{type(loop).__qualname__}"
    print(f"{len(index)} pictures at http://{host}:{port}/index.json (loop: {kind})", flush=True)
    await stop.wait()
    await runner.cleanup()
    print("stopped", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
