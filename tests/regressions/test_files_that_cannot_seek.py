"""A file without `seek` is sent from where it is, from 3.14 on also where an offset is given.

Found in review: ferrio asked it for `seek` all the same.
"""

import asyncio
import socket
import sys

import pytest


class Stream:
    def __init__(self, data):
        self.left = data

    def readinto(self, buffer):
        data, self.left = self.left[: len(buffer)], self.left[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)


OFFSETS = [0, 2] if sys.version_info >= (3, 14) else [0]


@pytest.mark.parametrize("offset", OFFSETS)
def test_over_a_socket(run, offset):
    async def main():
        one, two = socket.socketpair()
        with one, two:
            one.setblocking(False)
            assert await asyncio.get_running_loop().sock_sendfile(one, Stream(b"hello"), offset) == 5
            assert two.recv(9) == b"hello"

    run(main())


@pytest.mark.parametrize("offset", OFFSETS)
def test_over_a_transport(run, offset):
    async def main():
        one, two = socket.socketpair()
        two.setblocking(False)
        with two:
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_connection(asyncio.Protocol, sock=one)
            assert await loop.sendfile(transport, Stream(b"hello"), offset) == 5
            assert await loop.sock_recv(two, 9) == b"hello"
            transport.abort()
            await asyncio.sleep(0)

    run(main())
