"""Write real PNG and BMP pictures of many sizes; the same seed gives the same ones.

usage: make_pictures.py DIRECTORY [COUNT [SEED]]

A picture is a colour gradient that drifts from row to row, with film grain over part of it: the
gradient compresses, the grain does not. Files are 20 to 400 kB; 240 of them are about 29 MB.
"""

import pathlib
import random
import struct
import sys
import zlib

SMALLEST, LARGEST = 22_000, 350_000  # bytes of a file, roughly


def pixel_rows(rng, width, height, grain):
    """`height` rows of `width` pixels of 3 bytes; `grain` (0 to 1) is the noisy part of a row."""
    start = rng.randrange(256)
    steps = (1, 2, 3)  # how fast red, green and blue change
    colours = bytes((start + x * step) // 4 % 256 for x in range(width + height) for step in steps)
    noisy = int(width * grain)
    for y in range(height):
        yield rng.randbytes(3 * noisy) + colours[3 * (y + noisy) : 3 * (y + width)]


def png(rng, size):
    """A PNG file of about `size` bytes: 8-bit RGB (PNG specification, sections 5 and 11)."""

    def chunk(kind, data):
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    grain = rng.uniform(0.4, 0.9)
    height = round((size / (4 * grain)) ** 0.5)  # width is 4/3 of it, a pixel has 3 bytes
    width = height * 4 // 3
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    # Every row starts with the number of its filter; 0 is none.
    rows = b"".join(b"\0" + row for row in pixel_rows(rng, width, height, grain))
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows, 1)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in chunks)


def bmp(rng, size):
    """A BMP file of about `size` bytes: 24-bit, rows from the bottom up, padded to 4 bytes."""
    height = round((size / 4) ** 0.5)
    width = height * 4 // 3
    padding = b"\0" * (-3 * width % 4)
    rows = b"".join(row + padding for row in pixel_rows(rng, width, height, 0.3))
    header = struct.pack("<2sIHHI", b"BM", 54 + len(rows), 0, 0, 54)
    dots_per_metre = 2835
    info = (40, width, height, 1, 24, 0, len(rows), dots_per_metre, dots_per_metre, 0, 0)
    return header + struct.pack("<IiiHHIIiiII", *info) + rows


def make(directory, count=240, seed=1):
    """Write `count` pictures into the directory, every fourth a BMP. Returns the bytes written."""
    rng = random.Random(seed)
    # As many small as large ones on a scale of ratios, in random order.
    sizes = [SMALLEST * (LARGEST / SMALLEST) ** ((n + 0.5) / count) for n in range(count)]
    rng.shuffle(sizes)
    written = 0
    for number, size in enumerate(sizes):
        kind = bmp if number % 4 == 3 else png
        written += (directory / f"{number:04}.{kind.__name__}").write_bytes(kind(rng, size))
    return written


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[2:]]
    print(make(pathlib.Path(sys.argv[1]), *numbers), "bytes")
