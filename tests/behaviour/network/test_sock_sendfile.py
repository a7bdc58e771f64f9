"""loop.sock_sendfile: every byte once and in its place, through the kernel and by reading, and what is
left when somebody gives up in the middle. Arguments that sendfile refuses too."""

import asyncio
import io
import socket
import ssl
import sys

import pytest
from turns import settle

SIZE = 20_000_000


def same(got, expected):
    """Equality, without megabytes in the report of a failure."""
    return len(got) == len(expected) and bytes(got) == bytes(expected)


async def receive(sock, count):
    loop = asyncio.get_running_loop()
    got = bytearray()
    while len(got) < count and (data := await loop.sock_recv(sock, 200_000)):
        got += data
    return got


def test_ranges(run, ends, file_of, small, part):
    left, right = ends
    file = file_of(small)
    offset, count, expected = part

    async def main():
        loop = asyncio.get_running_loop()
        assert await loop.sock_sendfile(left, file, offset, count) == len(expected)
        assert await receive(right, len(expected)) == expected
        moved = expected or sys.version_info >= (3, 14)
        assert file.tell() == (offset + len(expected) if moved else 0)

    run(main())


@pytest.mark.parametrize("fallback", [True, False])
def test_big_file(run, ends, file_of, big, fallback):
    left, right = ends
    file = file_of(big)

    async def main():
        loop = asyncio.get_running_loop()
        sending = asyncio.create_task(loop.sock_sendfile(left, file, fallback=fallback))
        assert same(await receive(right, SIZE), big)
        assert await sending == SIZE
        assert file.tell() == SIZE

    run(main())


def test_others_get_their_turn(run, ends, file_of, big):
    left, right = ends
    file = file_of(big)
    turns = 0

    async def main():
        loop = asyncio.get_running_loop()
        sending = asyncio.create_task(loop.sock_sendfile(left, file))
        receiving = asyncio.create_task(receive(right, SIZE))

        def turn():
            nonlocal turns
            turns += 1
            if not sending.done():
                loop.call_soon(turn)

        turn()
        await sending
        await receiving

    run(main())
    assert turns > 20


def test_empty_file(run, ends, file_of):
    left, _ = ends
    file = file_of(b"")

    async def main():
        loop = asyncio.get_running_loop()
        assert await loop.sock_sendfile(left, file) == 0
        assert await loop.sock_sendfile(left, file, count=10) == 0

    run(main())


def test_between_other_sends(run, ends, file_of, big):
    left, right = ends
    file = file_of(big)
    before, after = b"before" * 100_000, b"after" * 100_000

    async def main():
        loop = asyncio.get_running_loop()

        async def send():
            await loop.sock_sendall(left, before)
            await loop.sock_sendfile(left, file)
            await loop.sock_sendall(left, after)

        sending = asyncio.create_task(send())
        got = await receive(right, len(before) + SIZE + len(after))
        assert same(got, before + big + after)
        await sending

    run(main())


def test_what_is_no_file(run, ends, big):
    left, right = ends
    file = io.BytesIO(big[:2_000_000])

    async def main():
        loop = asyncio.get_running_loop()
        with pytest.raises(asyncio.SendfileNotAvailableError, match="^not a regular file$"):
            await loop.sock_sendfile(left, file, fallback=False)
        sending = asyncio.create_task(loop.sock_sendfile(left, file, 1000, 1_500_000))
        assert same(await receive(right, 1_500_000), big[1000:1_501_000])
        assert await sending == 1_500_000
        assert file.tell() == 1_501_000
        file.seek(0)
        sending = asyncio.create_task(loop.sock_sendfile(left, file))
        assert same(await receive(right, 2_000_000), big[:2_000_000])
        assert await sending == 2_000_000

    run(main())


def test_peer_gone_in_the_middle(run, ends, file_of, big):
    left, right = ends
    file = file_of(big)

    async def main():
        loop = asyncio.get_running_loop()
        sending = asyncio.create_task(loop.sock_sendfile(left, file))
        got = await receive(right, 1000)
        right.close()
        with pytest.raises(ConnectionError):
            await sending
        assert len(got) <= file.tell() < SIZE

    run(main())


def test_peer_gone_before(run, ends, file_of, small):
    left, right = ends
    file = file_of(small)
    right.close()

    async def main():
        loop = asyncio.get_running_loop()
        with pytest.raises(asyncio.SendfileNotAvailableError, match="^os.sendfile call failed$"):
            await loop.sock_sendfile(left, file, fallback=False)
        assert file.tell() == 0
        with pytest.raises(BrokenPipeError):
            await loop.sock_sendfile(left, file)

    run(main())


def test_cancelled_in_the_middle(flavour, run, ends, file_of, big):
    left, right = ends
    file = file_of(big)

    async def main():
        loop = asyncio.get_running_loop()
        sending = asyncio.create_task(loop.sock_sendfile(left, file))
        await settle()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert not loop.remove_writer(left)
        tail = asyncio.create_task(loop.sock_sendall(left, b"tail"))
        got = bytearray()
        while not got.endswith(b"tail"):
            got += await loop.sock_recv(right, 100_000)
        await tail
        sent = len(got) - 4
        assert 0 < sent < SIZE
        assert same(got[:sent], big[:sent])
        # asyncio forgets to move it.
        assert file.tell() == (sent if flavour.name == "ferrio" else 0)

    run(main())


def test_a_file_closed_in_the_middle(flavour, run, ends, file_of, big):
    if flavour.name == "asyncio":
        pytest.skip("asyncio goes on with whatever has got the descriptor's number by then")
    left, right = ends
    file = file_of(big)

    async def main():
        loop = asyncio.get_running_loop()
        sending = asyncio.create_task(loop.sock_sendfile(left, file))
        await settle()
        file.close()
        receiving = asyncio.create_task(receive(right, SIZE))
        with pytest.raises(ValueError, match="closed file"):
            await sending
        receiving.cancel()

    run(main())


@pytest.mark.parametrize(
    "arguments, error, text",
    [
        ((-1, None), ValueError, r"offset must be a non-negative integer \(got -1\)"),
        (("1", None), TypeError, r"offset must be a non-negative integer \(got '1'\)"),
        ((0, 0), ValueError, r"count must be a positive integer \(got 0\)"),
        ((0, "1"), TypeError, r"count must be a positive integer \(got '1'\)"),
    ],
)
def test_bad_ranges(run, pair, ends, file_of, small, arguments, error, text):
    file = file_of(small)

    async def main():
        loop = asyncio.get_running_loop()
        with pytest.raises(error, match=f"^{text}$"):
            await loop.sock_sendfile(ends[0], file, *arguments)
        async with pair() as (left, right):
            with pytest.raises(error, match=f"^{text}$"):
                await loop.sendfile(left.transport, file, *arguments)
            assert left.transport.is_reading()
            left.transport.write(b"fine")
            assert await right.received(4) == b"fine"

    run(main())


def test_bad_files_and_sockets(run, ends, file_of, small, tmp_path):
    left, right = ends

    async def main():
        loop = asyncio.get_running_loop()
        (tmp_path / "text").write_text("text")
        with (
            open(tmp_path / "text") as text,
            pytest.raises(ValueError, match="^file should be opened in binary mode$"),
        ):
            await loop.sock_sendfile(left, text)
        file = file_of(small)
        with socket.socket(type=socket.SOCK_DGRAM) as datagrams:
            datagrams.setblocking(False)
            with pytest.raises(ValueError, match="^only SOCK_STREAM type sockets are supported$"):
                await loop.sock_sendfile(datagrams, file)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        wrapped = context.wrap_socket(right, server_side=True, do_handshake_on_connect=False)
        with wrapped, pytest.raises(TypeError, match="^Socket cannot be of type SSLSocket$"):
            await loop.sock_sendfile(wrapped, file)
        left.setblocking(True)
        loop.set_debug(True)
        with pytest.raises(ValueError, match="^the socket must be non-blocking$"):
            await loop.sock_sendfile(left, file)

    run(main())
