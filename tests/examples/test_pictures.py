"""The demo's pictures are real ones: a decoder written for the test finds every pixel."""

import importlib.util
import pathlib
import struct
import zlib

import pytest

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="module")
def make_pictures():
    spec = importlib.util.spec_from_file_location("make_pictures", EXAMPLES / "make_pictures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pictures(make_pictures, tmp_path_factory):
    """All 240 of them: name → content."""
    directory = tmp_path_factory.mktemp("pictures")
    written = make_pictures.make(directory)
    found = {path.name: path.read_bytes() for path in directory.iterdir()}
    assert written == sum(map(len, found.values()))
    return found


def png_size(content):
    """(width, height) of a PNG file; any wrong length, checksum or pixel count fails."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    kinds, compressed, at = [], b"", 8
    while at < len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        data = content[at + 8 : at + 8 + length]
        assert len(data) == length
        (checksum,) = struct.unpack_from(">I", content, at + 8 + length)
        assert checksum == zlib.crc32(kind + data), kind
        kinds.append(kind)
        if kind == b"IHDR":
            width, height, depth, colour, *methods = struct.unpack(">IIBBBBB", data)
        elif kind == b"IDAT":
            compressed += data
        at += 12 + length
    assert at == len(content)
    assert (kinds[0], kinds[-1]) == (b"IHDR", b"IEND")
    assert (depth, colour, methods) == (8, 2, [0, 0, 0])
    rows = zlib.decompress(compressed)
    assert len(rows) == height * (1 + 3 * width)
    assert set(rows[:: 1 + 3 * width]) <= {0, 1, 2, 3, 4}
    return width, height


def bmp_size(content):
    """(width, height) of a BMP file; any wrong length or offset fails."""
    kind, size, _, _, offset = struct.unpack_from("<2sIHHI", content)
    assert (kind, size, offset) == (b"BM", len(content), 54)
    head, width, height, planes, bits, compression, length = struct.unpack_from(
        "<IiiHHII", content, 14
    )
    assert (head, planes, bits, compression) == (40, 1, 24, 0)
    row = (3 * width + 3) // 4 * 4
    assert length == row * height == len(content) - offset
    return width, height


def test_there_are_enough_of_many_sizes(pictures):
    sizes = [len(content) for content in pictures.values()]
    assert len(sizes) == 240
    assert sum(sizes) >= 24_000_000
    assert min(sizes) >= 20_000
    assert max(sizes) <= 400_000
    assert len(set(sizes)) > 200
    assert len(set(pictures.values())) == 240


def test_each_can_be_decoded(pictures):
    decoders = {"png": png_size, "bmp": bmp_size}
    kinds = set()
    for name, content in pictures.items():
        kind = name.rpartition(".")[2]
        width, height = decoders[kind](content)
        assert width > 0 and height > 0, name
        kinds.add(kind)
    assert kinds == set(decoders)


def test_the_decoder_sees_one_flipped_bit(pictures):
    content = bytearray(pictures["0000.png"])
    content[len(content) // 2] ^= 1
    with pytest.raises(AssertionError):
        png_size(bytes(content))


def test_a_seed_gives_the_same_pictures_again(make_pictures, tmp_path):
    made = []
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        directory = tmp_path / name
        directory.mkdir()
        make_pictures.make(directory, 8, seed)
        made.append([path.read_bytes() for path in sorted(directory.iterdir())])
    assert made[0] == made[1] != made[2]
