"""Servers made of protocols."""

import asyncio
import json
import time

from .answers import VARIANTS, answers, pieces
from .options import CHUNK_BYTES, READ_BYTES


class Echo(asyncio.Protocol):
    """Writes back what it reads."""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


class IdleEcho(asyncio.Protocol):
    """The same, as small as an object of Python can be."""

    __slots__ = ("transport",)

    connection_made = Echo.connection_made
    data_received = Echo.data_received


class BufferedEcho(asyncio.BufferedProtocol):
    """Writes back what it reads, which it gives the memory for."""

    def __init__(self):
        self.buffer = memoryview(bytearray(READ_BYTES))

    def connection_made(self, transport):
        self.transport = transport

    def get_buffer(self, sizehint):
        return self.buffer

    def buffer_updated(self, length):
        # A copy: the transport may keep what the socket does not take, and the buffer is used again.
        self.transport.write(bytes(self.buffer[:length]))


class SmallWrites(Echo):
    """Answers each byte by 100 small writes."""

    pieces = pieces()

    def data_received(self, data):
        write = self.transport.write
        for byte in data:
            for piece in self.pieces[byte % VARIANTS]:
                write(piece)


class WriteLines(SmallWrites):
    """Answers each byte by 100 small pieces in one call."""

    def data_received(self, data):
        for byte in data:
            self.transport.writelines(self.pieces[byte % VARIANTS])


def sink(options):
    """A protocol that reads messages and answers each by a few bytes."""
    replies = answers(options.reply_bytes)

    class Sink(Echo):
        missing = 0

        def data_received(self, data):
            at = 0
            while at < len(data):
                if not self.missing:
                    self.reply = replies[data[at] % VARIANTS]
                    self.missing = options.size
                taken = min(self.missing, len(data) - at)
                self.missing -= taken
                at += taken
                if not self.missing:
                    self.transport.write(self.reply)

    return Sink


def source(options):
    """A protocol that answers each byte by very many, as fast as the other side takes them."""
    chunks = [
        [whole[first : first + CHUNK_BYTES] for first in range(0, len(whole), CHUNK_BYTES)]
        for whole in answers(options.reply_bytes)
    ]

    class Source(Echo):
        def __init__(self):
            self.left = []
            self.paused = False

        def data_received(self, data):
            for byte in data:
                self.left += chunks[byte % VARIANTS]
            # From the front: a deque would do as well, but an answer has few chunks.
            self.send()

        def send(self):
            left, sent = self.left, 0
            while sent < len(left) and not self.paused:
                self.transport.write(left[sent])
                sent += 1
            del left[:sent]

        def pause_writing(self):
            self.paused = True

        def resume_writing(self):
            self.paused = False
            self.send()

    return Source


def sendfile(options):
    """A protocol that answers each byte by a file."""
    loop = asyncio.get_running_loop()
    files = []
    for variant, content in enumerate(answers(options.reply_bytes)):
        path = options.directory / f"answer-{variant}"
        path.write_bytes(content)
        files.append(path.open("rb"))

    async def send(transport, file):
        try:
            await loop.sendfile(transport, file, 0, options.reply_bytes)
        except NotImplementedError:  # uvloop: the row says so
            file.seek(0)
            transport.write(file.read(options.reply_bytes))
        except ConnectionError:
            pass  # the load generator hangs up while answers are on their way

    class SendFile(Echo):
        def data_received(self, data):
            # One at a time: the other side asks when it has the whole answer.
            self.task = loop.create_task(send(self.transport, files[data[0] % VARIANTS]))

    return SendFile


#: The other side asks by these how late timers were: no message of the load is so short.
TIMERS = b"timers?"
#: Callbacks that are always ready, and seconds between timers.
READY = 100
TICK_S = 0.001


def latency(options):
    """An echo beside a ready queue that is never empty; knows how late its timers were."""
    loop = asyncio.get_running_loop()
    late = []
    ran = 0

    def again():
        nonlocal ran
        ran += 1
        loop.call_soon(again)

    def tick(due):
        now = loop.time()
        late.append((now, now - due))
        loop.call_at(now + TICK_S, tick, now + TICK_S)

    for _ in range(READY):
        loop.call_soon(again)
    loop.call_soon(tick, loop.time())
    began = time.perf_counter()

    class Latency(Echo):
        def data_received(self, data):
            if data[: len(TIMERS)] != TIMERS:
                self.transport.write(data)
                return
            # Of the last seconds, as many as are asked for.
            since = loop.time() - float(data[len(TIMERS) :])
            found = {
                "late_ns": [round(seconds * 1e9) for when, seconds in late if when >= since],
                "callbacks_per_s": ran / (time.perf_counter() - began),
            }
            self.transport.write(json.dumps(found).encode() + b"\n")

    return Latency
