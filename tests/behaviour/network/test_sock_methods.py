"""loop.sock_*: whole transfers, waiting in the middle, cancellation in the middle, and what they
refuse."""

import asyncio
import errno
import socket

import pytest
from turns import settle


@pytest.fixture
def datagram_ends():
    socks = [socket.socket(type=socket.SOCK_DGRAM) for _ in range(2)]
    for sock in socks:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
    yield socks
    for sock in socks:
        sock.close()


def test_recv_of_what_is_there(run, ends):
    left, right = ends

    async def main():
        right.send(b"hello")
        return await asyncio.get_running_loop().sock_recv(left, 100)

    assert run(main()) == b"hello"


def test_recv_waits(run, ends):
    left, right = ends

    async def main():
        loop = asyncio.get_running_loop()
        loop.call_later(0.002, right.send, b"later")
        assert await loop.sock_recv(left, 3) == b"lat"
        assert await loop.sock_recv(left, 3) == b"er"
        right.close()
        assert await loop.sock_recv(left, 3) == b""

    run(main())


def test_recv_into(run, ends):
    left, right = ends

    async def main():
        loop = asyncio.get_running_loop()
        buffer = bytearray(10)
        loop.call_later(0.002, right.send, b"later")
        assert await loop.sock_recv_into(left, buffer) == 5
        assert buffer == b"later\0\0\0\0\0"
        right.send(b"xy")
        assert await loop.sock_recv_into(left, memoryview(buffer)[8:]) == 2
        assert buffer == b"later\0\0\0xy"
        right.close()
        assert await loop.sock_recv_into(left, buffer) == 0

    run(main())


def test_to_receive_nothing_asks_the_kernel_nothing(run, ends):
    left, right = ends

    async def main():
        loop = asyncio.get_running_loop()
        assert await loop.sock_recv(left, 0) == b""
        assert await loop.sock_recv_into(left, bytearray()) == 0
        assert await loop.sock_recv_into(left, memoryview(bytearray(3))[3:]) == 0
        right.send(b"kept")
        assert await loop.sock_recv(left, 0) == b""
        assert await loop.sock_recv(left, 10) == b"kept"
        left.close()
        assert await loop.sock_recv(left, 0) == b""
        assert await loop.sock_recv_into(left, bytearray()) == 0
        with pytest.raises(ValueError):
            await loop.sock_recv(left, -1)

    run(main())


def test_recv_into_what_cannot_be_written_to(run, ends):
    left, right = ends
    released = memoryview(bytearray(4))
    released.release()

    async def main():
        loop = asyncio.get_running_loop()
        right.send(b"kept")
        striding = memoryview(bytearray(8))[::2]
        for junk in (b"abcd", memoryview(b"abcd"), striding, released, "text", 3, None):
            with pytest.raises(TypeError, match="argument 1 must be read-write bytes-like object"):
                await loop.sock_recv_into(left, junk)
        assert await loop.sock_recv(left, 10) == b"kept"

    run(main())


def test_a_buffer_emptied_while_a_recv_into_waits(run, ends):
    left, right = ends

    async def main():
        loop = asyncio.get_running_loop()
        buffer = bytearray(10)
        task = asyncio.create_task(loop.sock_recv_into(left, buffer))
        await settle()
        buffer.clear()
        right.send(b"kept")
        assert await task == 0
        assert await loop.sock_recv(left, 10) == b"kept"

    run(main())


def test_recvfrom_of_nothing_takes_a_datagram(run, datagram_ends):
    left, right = datagram_ends

    async def main():
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(loop.sock_recvfrom(left, 0))
        await settle()
        assert not task.done()
        for data in b"lost", b"next":
            right.sendto(data, left.getsockname())
        assert await task == (b"", right.getsockname())
        assert await loop.sock_recvfrom(left, 10) == (b"next", right.getsockname())

    run(main())


@pytest.mark.parametrize("most", [100_000, 1 << 22], ids=["as much as is received at once", "more"])
def test_sendall_big(run, ends, most):
    left, right = ends
    data = bytes(range(256)) * 20_000

    async def main():
        loop = asyncio.get_running_loop()
        sending = asyncio.create_task(loop.sock_sendall(left, data))
        got = bytearray()
        while len(got) < len(data):
            got += await loop.sock_recv(right, most)
        assert await sending is None
        assert got == data

    run(main())


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_sendall_takes_bytes_like_objects(run, ends, kind):
    left, right = ends

    async def main():
        await asyncio.get_running_loop().sock_sendall(left, kind(b"data"))
        await asyncio.get_running_loop().sock_sendall(left, kind(b""))

    run(main())
    assert right.recv(100) == b"data"


@pytest.mark.parametrize("data", [b"", bytearray(), b"x"])
def test_sendall_where_nobody_is(run, ends, data):
    async def main():
        loop = asyncio.get_running_loop()
        left, right = ends
        right.close()
        with pytest.raises(BrokenPipeError):
            await loop.sock_sendall(left, b"x")
        left.close()
        with pytest.raises(OSError) as caught:
            await loop.sock_sendall(left, data)
        assert caught.value.errno == errno.EBADF
        with socket.socket() as unconnected:
            unconnected.setblocking(False)
            with pytest.raises(BrokenPipeError):
                await loop.sock_sendall(unconnected, data)

    run(main())


def test_sendall_of_nothing(run, ends, datagram_ends):
    async def main():
        loop = asyncio.get_running_loop()
        left, right = datagram_ends
        left.connect(right.getsockname())
        assert await loop.sock_sendall(left, b"") is None
        assert await loop.sock_recv(right, 10) == b""
        # Where there is no room for more, nothing has room enough.
        left, right = ends
        with pytest.raises(BlockingIOError):
            while True:
                left.send(b"x" * 100_000)
        assert await loop.sock_sendall(left, b"") is None

    run(main())


def test_sendall_of_something_else(run, ends):
    async def main():
        for junk in ("text", 3, None):
            with pytest.raises(TypeError):
                await asyncio.get_running_loop().sock_sendall(ends[0], junk)

    run(main())


def test_connect_and_accept(run, listener):
    async def main():
        loop = asyncio.get_running_loop()
        with socket.socket() as client:
            client.setblocking(False)
            accepting = asyncio.create_task(loop.sock_accept(listener))
            await settle()
            assert await loop.sock_connect(client, listener.getsockname()) is None
            conn, address = await accepting
            with conn:
                assert address == client.getsockname()
                assert conn.gettimeout() == 0
                await loop.sock_sendall(client, b"ping")
                assert await loop.sock_recv(conn, 10) == b"ping"

    run(main())


def test_connect_refused(run):
    async def main():
        loop = asyncio.get_running_loop()
        with socket.socket() as closed, socket.socket() as client:
            closed.bind(("127.0.0.1", 0))
            client.setblocking(False)
            with pytest.raises(ConnectionRefusedError):
                await loop.sock_connect(client, closed.getsockname())

    run(main())


def test_connect_unix(run, tmp_path):
    path = str(tmp_path / "socket")

    async def main():
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
            server.bind(path)
            server.listen()
            server.setblocking(False)
            client.setblocking(False)
            await loop.sock_connect(client, path)
            conn, _ = await loop.sock_accept(server)
            conn.close()

    run(main())


def test_connect_by_name(run, listener):
    async def main():
        loop = asyncio.get_running_loop()
        with socket.socket() as client:
            client.setblocking(False)
            await loop.sock_connect(client, ("localhost", listener.getsockname()[1]))
            conn, _ = await loop.sock_accept(listener)
            conn.close()

    run(main())


def test_a_cancelled_recv_loses_nothing(run, ends):
    left, right = ends

    async def main():
        loop = asyncio.get_running_loop()
        for _ in range(5):
            task = asyncio.create_task(loop.sock_recv(left, 10))
            await settle()
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
        right.send(b"kept")
        assert await loop.sock_recv(left, 10) == b"kept"
        assert loop.remove_reader(left) is False

    run(main())


def test_a_cancelled_sendall_stops_in_the_middle(run, ends):
    left, right = ends

    async def main():
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(loop.sock_sendall(left, b"x" * 20_000_000))
        await settle()
        assert not task.done()
        task.cancel()
        await asyncio.wait([task])
        got = 0
        while True:
            try:
                got += len(right.recv(1_000_000))
            except BlockingIOError:
                break
        await settle()
        assert 0 < got < 20_000_000
        with pytest.raises(BlockingIOError):
            right.recv(1)
        await loop.sock_sendall(left, b"again")
        assert await loop.sock_recv(right, 10) == b"again"

    run(main())


def test_a_cancelled_accept_and_a_cancelled_connect(run, listener):
    async def main():
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(loop.sock_accept(listener))
        await settle()
        task.cancel()
        await asyncio.wait([task])
        client = socket.create_connection(listener.getsockname())
        conn, _ = await loop.sock_accept(listener)
        conn.close()
        client.close()

    run(main())


def test_the_socket_closed_while_a_recv_was_cancelled(run):
    async def main():
        loop = asyncio.get_running_loop()
        for _ in range(10):
            left, right = socket.socketpair()
            left.setblocking(False)
            task = asyncio.create_task(loop.sock_recv(left, 10))
            await settle()
            task.cancel()
            left.close()
            right.close()
            await asyncio.wait([task])

    run(main())


class Derived(socket.socket):
    pass


@pytest.mark.parametrize("kind", [socket.socket, Derived])
@pytest.mark.parametrize("how", ["answered", "cancelled"])
def test_close_closes_at_once_after_a_call_that_waited(run, listener, kind, how):
    async def main():
        loop = asyncio.get_running_loop()
        with kind() as client:
            client.setblocking(False)
            await loop.sock_connect(client, listener.getsockname())
            server, _ = await loop.sock_accept(listener)
            with server:
                task = asyncio.create_task(loop.sock_recv(client, 10))
                await settle()
                assert not task.done()
                if how == "answered":
                    server.send(b"x")
                    assert await task == b"x"
                else:
                    task.cancel()
                    await asyncio.wait([task])
                client.close()
                assert client.fileno() == -1
                assert await loop.sock_recv(server, 10) == b""

    run(main())


def test_both_directions_of_one_socket_at_once(run, ends):
    left, right = ends
    data = b"x" * 2_000_000

    async def receive(loop, sock):
        got = 0
        while got < len(data):
            got += len(await loop.sock_recv(sock, 65_536))
        return got

    async def main():
        loop = asyncio.get_running_loop()
        return await asyncio.gather(
            loop.sock_sendall(left, data),
            loop.sock_sendall(right, data),
            receive(loop, left),
            receive(loop, right),
        )

    assert run(main()) == [None, None, len(data), len(data)]


@pytest.mark.parametrize(
    "call",
    [
        lambda loop, sock: loop.sock_recv(sock, 1),
        lambda loop, sock: loop.sock_recv_into(sock, bytearray(1)),
        lambda loop, sock: loop.sock_sendall(sock, b"x"),
        lambda loop, sock: loop.sock_recvfrom(sock, 1),
        lambda loop, sock: loop.sock_recvfrom_into(sock, bytearray(1)),
        lambda loop, sock: loop.sock_sendto(sock, b"x", ("127.0.0.1", 1)),
        lambda loop, sock: loop.sock_accept(sock),
        lambda loop, sock: loop.sock_connect(sock, ("127.0.0.1", 1)),
    ],
)
def test_a_blocking_socket_is_refused_in_debug_mode(run, call):
    async def main():
        with socket.socket() as sock:
            with pytest.raises(ValueError, match="^the socket must be non-blocking$"):
                await call(asyncio.get_running_loop(), sock)

    run(main(), debug=True)


def test_a_closed_socket(run):
    async def main():
        sock = socket.socket()
        sock.setblocking(False)
        sock.close()
        with pytest.raises(OSError):
            await asyncio.get_running_loop().sock_recv(sock, 10)

    run(main())


def test_an_unconnected_socket(run):
    async def main():
        with socket.socket() as sock:
            sock.setblocking(False)
            with pytest.raises(OSError):
                await asyncio.get_running_loop().sock_recv(sock, 10)

    run(main())


def test_a_reset_is_an_exception(run, listener):
    import struct

    async def main():
        loop = asyncio.get_running_loop()
        client = socket.create_connection(listener.getsockname())
        conn, _ = await loop.sock_accept(listener)
        waiting = asyncio.create_task(loop.sock_recv(conn, 10))
        await settle()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        with pytest.raises(ConnectionResetError):
            await waiting
        conn.close()

    run(main())


def test_the_socket_of_a_transport_is_refused(run):
    async def main():
        loop = asyncio.get_running_loop()
        left, right = socket.socketpair()
        left.setblocking(False)
        transport, _ = await loop.create_unix_connection(asyncio.Protocol, sock=left)
        with pytest.raises(RuntimeError, match="is used by transport"):
            await loop.sock_recv(left, 10)
        transport.abort()
        await asyncio.sleep(0.001)
        right.close()

    run(main())


def test_datagrams_there_and_back(run, datagram_ends):
    left, right = datagram_ends
    here, there = left.getsockname(), right.getsockname()

    async def main():
        loop = asyncio.get_running_loop()
        assert await loop.sock_sendto(left, b"hello", there) == 5
        assert await loop.sock_recvfrom(right, 100) == (b"hello", here)
        loop.call_later(0.002, right.sendto, b"later", here)
        assert await loop.sock_recvfrom(left, 3) == (b"lat", there)
        assert await loop.sock_sendto(left, memoryview(b""), there) == 0
        assert await loop.sock_recvfrom(right, 100) == (b"", here)

    run(main())


def test_recvfrom_into(run, datagram_ends):
    left, right = datagram_ends
    here, there = left.getsockname(), right.getsockname()

    async def main():
        loop = asyncio.get_running_loop()
        buffer = bytearray(10)
        loop.call_later(0.002, left.sendto, b"later", there)
        assert await loop.sock_recvfrom_into(right, buffer) == (5, here)
        assert buffer == b"later\0\0\0\0\0"
        await loop.sock_sendto(left, b"xyz", there)
        assert await loop.sock_recvfrom_into(right, buffer, 2) == (2, here)
        assert buffer == b"xyter\0\0\0\0\0"
        await loop.sock_sendto(left, b"abc", there)
        assert await loop.sock_recvfrom_into(right, memoryview(buffer)[8:], nbytes=0) == (2, here)
        assert buffer == b"xyter\0\0\0ab"
        with pytest.raises(ValueError):
            await loop.sock_recvfrom_into(right, buffer, 11)
        with pytest.raises((TypeError, BufferError)):
            await loop.sock_recvfrom_into(right, b"read-only")

    run(main())


def test_sendto_waits_for_room(run, tmp_path):
    async def main():
        loop = asyncio.get_running_loop()
        path = str(tmp_path / "socket")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as reader:
            reader.bind(path)
            reader.setblocking(False)
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as writer:
                writer.setblocking(False)
                sent = 0
                while sent < 100_000:
                    task = asyncio.create_task(loop.sock_sendto(writer, b"%d" % sent, path))
                    sent += 1
                    await settle()
                    if not task.done():
                        break
                assert not task.done()
                got = [await loop.sock_recvfrom(reader, 100) for _ in range(sent)]
                assert got == [(b"%d" % number, None) for number in range(sent)]
                assert await task == len(b"%d" % (sent - 1))

    run(main())


def test_what_sendto_and_recvfrom_refuse(run, datagram_ends):
    left, right = datagram_ends

    async def main():
        loop = asyncio.get_running_loop()
        with pytest.raises(TypeError):
            await loop.sock_sendto(left, "text", right.getsockname())
        with pytest.raises(TypeError):
            await loop.sock_sendto(left, b"x", None)
        with pytest.raises(OSError):
            await loop.sock_sendto(left, b"x" * 70_000, right.getsockname())
        with pytest.raises(ValueError):
            await loop.sock_recvfrom(left, -1)

    run(main())


def test_a_cancelled_recvfrom_loses_nothing(run, datagram_ends):
    left, right = datagram_ends

    async def main():
        loop = asyncio.get_running_loop()
        for _ in range(3):
            task = asyncio.create_task(loop.sock_recvfrom(left, 10))
            await settle()
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
        right.sendto(b"kept", left.getsockname())
        assert await loop.sock_recvfrom(left, 10) == (b"kept", right.getsockname())
        assert loop.remove_reader(left) is False

    run(main())


def test_a_refused_datagram_is_an_exception(run, datagram_ends):
    left, right = datagram_ends

    async def main():
        loop = asyncio.get_running_loop()
        left.connect(right.getsockname())
        right.close()
        waiting = asyncio.create_task(loop.sock_recvfrom(left, 10))
        await settle()
        left.send(b"x")
        with pytest.raises(ConnectionRefusedError):
            await waiting

    run(main())
