"""The server process of one net cell: `python -m benches.servers`.

Once it listens, it writes a line of JSON to the file descriptor --ready-fd and closes that: {"port": …} on 127.0.0.1, or
{"path": …}. It serves until it is killed.
"""

import argparse
import asyncio
import json
import logging
import os
import resource
from pathlib import Path

from ..loops import LoopSpec
from . import others, protocols, streams
from .options import BACKLOG, HOST, Options

#: For each kind, `(options)` gives a factory of protocols …
PROTOCOLS = {
    "protocol": lambda options: protocols.Echo,
    "idle": lambda options: protocols.IdleEcho,
    "buffered": lambda options: protocols.BufferedEcho,
    "writes": lambda options: protocols.SmallWrites,
    "writelines": lambda options: protocols.WriteLines,
    "sink": protocols.sink,
    "source": protocols.source,
    "sendfile": protocols.sendfile,
    "latency": protocols.latency,
}
#: … or a handler of streams …
STREAMS = {
    "streams": streams.echo,
    "readline": streams.readline,
    "readexactly": streams.readexactly,
    "stream_sink": streams.sink,
    "stream_source": streams.source,
}
#: … or listens by itself and returns the address.
OTHERS = {"sock": others.sock, "datagram": others.datagram, "aiohttp": others.aiohttp, "uvicorn": others.uvicorn}
KINDS = (*PROTOCOLS, *STREAMS, *OTHERS)


async def listen(kind: str, options: Options) -> dict:
    """Begin to serve; the address."""
    if kind in PROTOCOLS:
        return await options.serve(PROTOCOLS[kind](options))
    if kind in STREAMS:
        handler, context = STREAMS[kind](options), options.ssl_context()
        server = await asyncio.start_server(handler, HOST, 0, backlog=BACKLOG, ssl=context)
        return {"port": server.sockets[0].getsockname()[1]}
    return await OTHERS[kind](options)


async def serve(kind: str, options: Options, ready_fd: int) -> None:
    address = await listen(kind, options)
    with os.fdopen(ready_fd, "w") as ready:
        ready.write(json.dumps(address) + "\n")
    await asyncio.get_running_loop().create_future()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benches.servers")
    parser.add_argument("--kind", required=True, choices=KINDS)
    parser.add_argument("--loop", required=True, type=LoopSpec.parse)
    parser.add_argument("--directory", required=True, type=Path)
    parser.add_argument("--size", required=True, type=int)
    parser.add_argument("--reply-bytes", required=True, type=int)
    parser.add_argument("--unix", metavar="PATH", type=Path)
    parser.add_argument("--tls", metavar="PEM", type=Path)
    parser.add_argument("--cpu", type=int)
    parser.add_argument("--ready-fd", required=True, type=int)
    arguments = parser.parse_args()
    if arguments.cpu is not None:
        os.sched_setaffinity(0, {arguments.cpu})
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # When the load generator hangs up, writes into the closed connection are warned about. Errors are still told.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    options = Options(arguments.directory, arguments.size, arguments.reply_bytes, arguments.unix, arguments.tls)
    with asyncio.Runner(loop_factory=arguments.loop.load()) as runner:
        runner.run(serve(arguments.kind, options, arguments.ready_fd))


if __name__ == "__main__":
    main()
