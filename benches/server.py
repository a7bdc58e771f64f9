"""The server process of one net cell: `python -m benches.server`.

Once it listens, it writes a line of JSON to the file descriptor --ready-fd and closes that: {"port": …} on 127.0.0.1, or
{"path": …}. It serves until it is killed.
"""

import argparse
import asyncio
import json
import logging
import os

from .loops import LoopSpec

#: Connections that may wait for accept(2): all of a load that connects at once.
BACKLOG = 1024
READ_BYTES = 256 * 1024

#: The long answers, as the load generator expects them (`reply_byte` there): byte n is 37v + n + n/32 modulo 256, where v is
#: the first byte of the message modulo 8. Cut in pieces, each of which is one write.
VARIANTS = 8
PIECES = 100
PIECE_BYTES = 32


def answers() -> list[list[bytes]]:
    """For each variant, the pieces of its answer."""
    return [
        [
            bytes((37 * variant + at + at // 32) % 256 for at in range(first, first + PIECE_BYTES))
            for first in range(0, PIECES * PIECE_BYTES, PIECE_BYTES)
        ]
        for variant in range(VARIANTS)
    ]


class Echo(asyncio.Protocol):
    """Writes back what it reads."""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


class SmallWrites(asyncio.Protocol):
    """Answers each byte by 100 small writes."""

    pieces = answers()

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        write = self.transport.write
        for byte in data:
            for piece in self.pieces[byte % VARIANTS]:
                write(piece)


async def echo_stream(reader, writer):
    """Writes back what it reads, by streams."""
    try:
        while data := await reader.read(READ_BYTES):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass  # the load generator hangs up while answers are on their way
    finally:
        writer.close()


PROTOCOLS = {"protocol": Echo, "writes": SmallWrites}


async def listen(kind: str, unix: str | None):
    """A listening server of this kind."""
    if kind == "streams":
        return await asyncio.start_server(echo_stream, "127.0.0.1", 0, backlog=BACKLOG)
    loop = asyncio.get_running_loop()
    if unix:
        return await loop.create_unix_server(PROTOCOLS[kind], unix, backlog=BACKLOG)
    return await loop.create_server(PROTOCOLS[kind], "127.0.0.1", 0, backlog=BACKLOG)


async def serve(arguments) -> None:
    server = await listen(arguments.kind, arguments.unix)
    address = {"path": arguments.unix} if arguments.unix else {"port": server.sockets[0].getsockname()[1]}
    with os.fdopen(arguments.ready_fd, "w") as ready:
        ready.write(json.dumps(address) + "\n")
    await asyncio.get_running_loop().create_future()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benches.server")
    parser.add_argument("--kind", required=True, choices=[*PROTOCOLS, "streams"])
    parser.add_argument("--loop", required=True, type=LoopSpec.parse)
    parser.add_argument("--unix", metavar="PATH")
    parser.add_argument("--cpu", type=int)
    parser.add_argument("--ready-fd", required=True, type=int)
    arguments = parser.parse_args()
    if arguments.cpu is not None:
        os.sched_setaffinity(0, {arguments.cpu})
    # When the load generator hangs up, writes into the closed connection are warned about. Errors are still told.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    with asyncio.Runner(loop_factory=arguments.loop.load()) as runner:
        runner.run(serve(arguments))


if __name__ == "__main__":
    main()
