"""A stream of bytes that is never whole in memory and in which no block is like another, so that a swap or a gap shows."""

import random
import struct
import zlib

BLOCK_BYTES = 1 << 18
_NOISE = random.Random(1).randbytes(BLOCK_BYTES - 8)


def blocks(total_bytes):
    """The blocks, each beginning with its number; the last one is cut at `total_bytes`."""
    for start in range(0, total_bytes, BLOCK_BYTES):
        yield (struct.pack(">Q", start) + _NOISE)[: total_bytes - start]


def checksum(chunks):
    """(bytes, CRC) of an iterable of chunks."""
    seen = Seen()
    for chunk in chunks:
        seen.add(chunk)
    return seen.sum


class Seen:
    """Adds up chunks that arrive one by one."""

    def __init__(self):
        self.sum = (0, 0)

    def add(self, chunk):
        size, crc = self.sum
        self.sum = (size + len(chunk), zlib.crc32(chunk, crc))
