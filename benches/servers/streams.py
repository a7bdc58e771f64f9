"""Servers made of streams: `handler(options)` is what asyncio.start_server takes."""

from .answers import VARIANTS, answers
from .options import CHUNK_BYTES, READ_BYTES

HEAD_BYTES = 4


def _until_closed(conversation):
    """A handler from a coroutine function that ends with the stream."""

    async def handler(reader, writer):
        try:
            await conversation(reader, writer)
        except (ConnectionError, EOFError):
            pass  # the load generator hangs up while messages are on their way
        finally:
            writer.close()

    return handler


def echo(options):
    """Writes back what it reads."""

    async def conversation(reader, writer):
        while data := await reader.read(READ_BYTES):
            writer.write(data)
            await writer.drain()

    return _until_closed(conversation)


def readline(options):
    """Writes back line after line."""

    async def conversation(reader, writer):
        while line := await reader.readline():
            writer.write(line)
            await writer.drain()

    return _until_closed(conversation)


def readexactly(options):
    """Reads a head and a body, and writes both back."""

    async def conversation(reader, writer):
        while True:
            head = await reader.readexactly(HEAD_BYTES)
            body = await reader.readexactly(options.size - HEAD_BYTES)
            writer.write(head + body)
            await writer.drain()

    return _until_closed(conversation)


def sink(options):
    """Reads messages and answers each by a few bytes."""
    replies = answers(options.reply_bytes)

    async def conversation(reader, writer):
        missing = 0
        while data := await reader.read(min(missing, CHUNK_BYTES) or CHUNK_BYTES):
            if not missing:
                reply, missing = replies[data[0] % VARIANTS], options.size
            missing -= len(data)
            if not missing:
                writer.write(reply)
                await writer.drain()

    return _until_closed(conversation)


def source(options):
    """Answers each byte by very many."""
    chunks = [
        [whole[first : first + CHUNK_BYTES] for first in range(0, len(whole), CHUNK_BYTES)]
        for whole in answers(options.reply_bytes)
    ]

    async def conversation(reader, writer):
        while data := await reader.read(READ_BYTES):
            for byte in data:
                for chunk in chunks[byte % VARIANTS]:
                    writer.write(chunk)
                    await writer.drain()

    return _until_closed(conversation)
