"""Cancel one operation at every point where it can be cancelled (`points.py`), and see after each that
nothing is left of it.

    python cancelled.py MODULE OPERATION
"""

import asyncio
import contextlib
import os
import pathlib
import socket
import ssl
import subprocess
import tempfile

import books
from points import OPERATIONS, main, operation

CERTIFICATE = (
    pathlib.Path(__file__).resolve().parents[2] / "behaviour" / "network" / "localhost.pem"
)
#: Sockets that the program gave to create_connection.
GIVEN = []


def after(turns, function, *args):
    """Call a function when the loop has made so many turns."""
    loop = asyncio.get_running_loop()
    if turns:
        loop.call_soon(after, turns - 1, function, *args)
    else:
        # The operation may be over, its socket closed.
        with contextlib.suppress(OSError):
            function(*args)


def nothing_watched(*socks):
    """A cancelled call has left no reader and no writer."""
    loop = asyncio.get_running_loop()
    for sock in socks:
        assert not loop.remove_reader(sock) and not loop.remove_writer(sock)


def socket_pair(kind=socket.SOCK_STREAM):
    pair = socket.socketpair(socket.AF_UNIX, kind)
    for sock in pair:
        sock.setblocking(False)
    return pair


def listener():
    sock = socket.create_server(("127.0.0.1", 0))
    sock.setblocking(False)
    return sock


# sock_*


@operation
async def sock_recv():
    loop = asyncio.get_running_loop()
    left, right = socket_pair()
    with left, right:
        after(5, right.send, b"message")
        outcome = yield lambda: loop.sock_recv(left, 100)
        nothing_watched(left)
        if outcome.manner == "at_once" or not outcome.cancelled:
            # Cancelled while it waited, it has taken nothing from the socket.
            assert b"message" == (outcome.result or await loop.sock_recv(left, 100))
            nothing_watched(left)


@operation
async def sock_recv_into():
    loop = asyncio.get_running_loop()
    left, right = socket_pair()
    with left, right:
        after(5, right.send, b"message")
        buffer = bytearray(100)
        outcome = yield lambda: loop.sock_recv_into(left, buffer)
        nothing_watched(left)
        if outcome.manner == "at_once" or not outcome.cancelled:
            assert 7 == (outcome.result or await loop.sock_recv_into(left, buffer))
            assert buffer[:7] == b"message"


@operation
async def sock_recvfrom():
    loop = asyncio.get_running_loop()
    left, right = socket_pair(socket.SOCK_DGRAM)
    with left, right:
        after(5, right.send, b"message")
        outcome = yield lambda: loop.sock_recvfrom(left, 100)
        nothing_watched(left)
        if outcome.manner == "at_once" or not outcome.cancelled:
            assert b"message" == (outcome.result or await loop.sock_recvfrom(left, 100))[0]


@operation
async def sock_sendall():
    loop = asyncio.get_running_loop()
    left, right = socket_pair()
    data = os.urandom(3_000_000)
    received = bytearray()

    async def read():
        while piece := await loop.sock_recv(right, 100_000):
            received.extend(piece)

    with left, right:
        reading = asyncio.create_task(read())
        outcome = yield lambda: loop.sock_sendall(left, data)
        nothing_watched(left)
        left.shutdown(socket.SHUT_WR)
        await reading
        # What has left is the beginning.
        assert data.startswith(received)
        assert outcome.cancelled or received == data


@operation
async def sock_sendto():
    loop = asyncio.get_running_loop()
    with (
        socket.socket(type=socket.SOCK_DGRAM) as left,
        socket.socket(type=socket.SOCK_DGRAM) as right,
    ):
        left.setblocking(False)
        right.bind(("127.0.0.1", 0))
        outcome = yield lambda: loop.sock_sendto(left, b"message", right.getsockname())
        nothing_watched(left)


@operation
async def sock_sendfile():
    loop = asyncio.get_running_loop()
    left, right = socket_pair()
    received = 0

    async def read():
        nonlocal received
        while piece := await loop.sock_recv(right, 100_000):
            received += len(piece)

    with left, right, tempfile.TemporaryFile() as file:
        file.write(bytes(2_000_000))
        file.seek(0)
        reading = asyncio.create_task(read())
        outcome = yield lambda: loop.sock_sendfile(left, file)
        nothing_watched(left)
        left.shutdown(socket.SHUT_WR)
        await reading
        assert outcome.result in (None, 2_000_000)
        assert received == 2_000_000 if outcome.result else received <= 2_000_000


@operation
async def sock_accept():
    loop = asyncio.get_running_loop()
    with listener() as listening, socket.socket() as client:
        after(5, client.connect, listening.getsockname())
        outcome = yield lambda: loop.sock_accept(listening)
        nothing_watched(listening)
        if outcome.manner == "at_once" or not outcome.cancelled:
            sock, _ = outcome.result or await loop.sock_accept(listening)
            sock.close()
            nothing_watched(listening)


@operation
async def sock_connect():
    loop = asyncio.get_running_loop()
    with listener() as listening, socket.socket() as client:
        client.setblocking(False)
        yield lambda: loop.sock_connect(client, ("localhost", listening.getsockname()[1]))
        nothing_watched(client)


@operation
async def sock_connect_to_a_full_backlog():
    loop = asyncio.get_running_loop()
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket(socket.AF_UNIX))
        listening.bind(f"{directory}/socket")
        listening.listen(0)
        clients = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(2)]
        for client in clients:
            client.setblocking(False)
        clients[0].connect(f"{directory}/socket")
        after(8, lambda: listening.accept()[0].close())

        async def connect():
            try:
                await loop.sock_connect(clients[1], f"{directory}/socket")
            except BlockingIOError:
                await asyncio.sleep(0)

        yield connect
        nothing_watched(clients[1])


# Connections


@contextlib.asynccontextmanager
async def serving(**kwargs):
    """A server that sends what it gets, and waits for its connections to end."""
    handlers = []

    async def echo(reader, writer):
        handlers.append(asyncio.current_task())
        try:
            while data := await reader.read(100_000):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0, **kwargs)
    yield server.sockets[0].getsockname()
    # A client that was cancelled may be connected and not accepted yet.
    await asyncio.sleep(0.001)
    server.close()
    while unfinished := [task for task in handlers if not task.done()]:
        await asyncio.wait(unfinished)
    await server.wait_closed()


def tls_contexts():
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(CERTIFICATE)
    return server, ssl.create_default_context(cafile=CERTIFICATE)


def connecting(arguments, tls=False):
    async def create_connection():
        server_context, client_context = tls_contexts() if tls else (None, None)
        kwargs = {"ssl": client_context, "server_hostname": "localhost"} if tls else {}
        async with serving(ssl=server_context) as (host, port):
            kwargs |= arguments(host, port)
            outcome = yield lambda: asyncio.open_connection(**kwargs)
            if outcome.result:
                reader, writer = outcome.result
                writer.write(b"hello\n")
                assert await reader.readline() == b"hello\n"
                writer.close()
                await writer.wait_closed()
            while GIVEN:
                # Before 3.14 asyncio leaves it open if there comes to be no transport.
                GIVEN.pop().close()

    return create_connection


for name, arguments in {
    "numeric": lambda host, port: {"host": host, "port": port},
    "by_name": lambda host, port: {"host": "localhost", "port": port},
    "local": lambda host, port: {"host": host, "port": port, "local_addr": ("localhost", 0)},
    # ::1 refuses, 127.0.0.1 answers.
    "staggered": lambda host, port: {"host": None, "port": port, "happy_eyeballs_delay": 0.001},
    "sock": lambda host, port: {"sock": connected((host, port))},
}.items():
    OPERATIONS[f"create_connection_{name}"] = connecting(arguments)
    if name in {"numeric", "by_name"}:
        OPERATIONS[f"create_connection_{name}_tls"] = connecting(arguments, tls=True)


def connected(address):
    sock = socket.create_connection(address)
    GIVEN.append(sock)
    return sock


@operation
async def create_unix_connection():
    loop = asyncio.get_running_loop()
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/socket"
        server = await loop.create_unix_server(asyncio.Protocol, path)
        outcome = yield lambda: loop.create_unix_connection(asyncio.Protocol, path)
        if outcome.result:
            outcome.result[0].close()
        await asyncio.sleep(0.001)
        server.close()
        await server.wait_closed()


@operation
async def connect_accepted_socket():
    loop = asyncio.get_running_loop()
    left, right = socket_pair()
    with left, right:
        outcome = yield lambda: loop.connect_accepted_socket(asyncio.Protocol, left)
        if outcome.result:
            outcome.result[0].close()
        await asyncio.sleep(0)


def starting(what, *args, **kwargs):
    async def start():
        loop = asyncio.get_running_loop()
        outcome = yield lambda: getattr(loop, what)(*args, **kwargs)
        if outcome.result:
            thing = outcome.result
            thing = thing[0] if isinstance(thing, tuple) else thing
            thing.close()

    return start


OPERATIONS["create_server"] = starting("create_server", asyncio.Protocol, "localhost", 0)
OPERATIONS["create_datagram_endpoint"] = starting(
    "create_datagram_endpoint", asyncio.DatagramProtocol, ("localhost", 0)
)


def upgrading(cancel_server):
    """start_tls on both sides of a connection; one side is cancelled."""

    async def start_tls():
        server_context, client_context = tls_contexts()
        accepted = asyncio.get_running_loop().create_future()
        server = await asyncio.start_server(
            lambda reader, writer: accepted.set_result((reader, writer)), "127.0.0.1", 0
        )
        client_reader, client_writer = await asyncio.open_connection(
            *server.sockets[0].getsockname()
        )
        server_reader, server_writer = await accepted
        client = lambda: client_writer.start_tls(client_context, server_hostname="localhost")
        serve = lambda: server_writer.start_tls(server_context)
        mine, others = (serve, client) if cancel_server else (client, serve)
        other = asyncio.create_task(others())
        outcome = yield mine
        if outcome.cancelled:
            # Not begun or closed: the other side hears of it.
            (server_writer if cancel_server else client_writer).close()
            (error,) = await asyncio.gather(other, return_exceptions=True)
            assert error is None or isinstance(error, OSError), error
        else:
            await other
            client_writer.write(b"hello\n")
            assert await server_reader.readline() == b"hello\n"
        for writer in (client_writer, server_writer):
            writer.close()
        if not outcome.cancelled:
            # Of a cancelled upgrade asyncio may not tell the protocol that the connection is lost.
            for writer in (client_writer, server_writer):
                await writer.wait_closed()
        server.close()
        await server.wait_closed()

    return start_tls


OPERATIONS["start_tls_client"] = upgrading(False)
OPERATIONS["start_tls_server"] = upgrading(True)


# Streams: what was cancelled has taken nothing.


@operation
async def stream_reads():
    left, right = socket_pair()
    reader, writer = await asyncio.open_connection(sock=left)
    lines = [b"line %d\n" % number for number in range(20)]

    def send(number=0):
        if number < len(lines):
            right.send(lines[number][:3])
            after(2, right.send, lines[number][3:])
            after(4, send, number + 1)

    received = bytearray()

    async def read():
        for _ in range(4):
            received.extend(await reader.readline())
            received.extend(await reader.readexactly(3))
            received.extend(await reader.readuntil(b"\n"))

    send()
    yield read
    while len(received) < len(b"".join(lines)):
        received.extend(await reader.read(5))
    assert received == b"".join(lines)
    right.close()
    writer.close()
    await writer.wait_closed()


@operation
async def stream_drains():
    left, right = socket_pair()
    reader, writer = await asyncio.open_connection(sock=left)
    data = os.urandom(1_000_000)
    written = bytearray()

    async def write():
        for start in range(0, len(data), 200_000):
            piece = data[start : start + 200_000]
            writer.write(piece)
            written.extend(piece)
            await writer.drain()

    async def receive():
        received = bytearray()
        while piece := await asyncio.get_running_loop().sock_recv(right, 50_000):
            received += piece
        return received

    receiving = asyncio.create_task(receive())
    yield write
    writer.close()
    assert await receiving == written
    right.close()
    await writer.wait_closed()


# Children


@operation
async def subprocess_exec():
    async def start():
        return await asyncio.create_subprocess_exec(
            "cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    outcome = yield start
    if outcome.result:
        assert await outcome.result.communicate(b"hello") == (b"hello", b"")


@operation
async def subprocess_shell():
    outcome = yield lambda: asyncio.create_subprocess_shell("exit 3")
    if outcome.result:
        assert await outcome.result.wait() == 3


@operation
async def communicate():
    process = await asyncio.create_subprocess_exec(
        "cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    data = os.urandom(300_000)
    outcome = yield lambda: process.communicate(data)
    if outcome.cancelled:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        # Its pipes are read to the end, as the documentation of `wait` demands.
        await process.communicate()
        assert process.returncode in (0, -9)
    else:
        assert outcome.result == (data, b"")
        assert process.returncode == 0


@operation
async def process_wait():
    process = await asyncio.create_subprocess_exec("true")
    yield process.wait
    assert await process.wait() == 0


@operation
async def read_pipe():
    loop = asyncio.get_running_loop()
    reading, writing = os.pipe()
    with open(reading, "rb", 0) as file:
        outcome = yield lambda: loop.connect_read_pipe(asyncio.Protocol, file)
        if outcome.result:
            outcome.result[0].close()
        await asyncio.sleep(0)
    os.close(writing)


@operation
async def write_pipe():
    loop = asyncio.get_running_loop()
    reading, writing = os.pipe()
    with open(writing, "wb", 0) as file:
        outcome = yield lambda: loop.connect_write_pipe(asyncio.Protocol, file)
        if outcome.result:
            outcome.result[0].close()
        await asyncio.sleep(0)
    os.close(reading)


# Names, executor, files


@operation
async def getaddrinfo():
    loop = asyncio.get_running_loop()
    yield lambda: loop.getaddrinfo("localhost", 80)


@operation
async def sendfile():
    loop = asyncio.get_running_loop()
    left, right = socket_pair()
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=left)
    received = 0

    async def read():
        nonlocal received
        while piece := await loop.sock_recv(right, 100_000):
            received += len(piece)

    with right, tempfile.TemporaryFile() as file:
        file.write(bytes(2_000_000))
        file.seek(0)
        reading = asyncio.create_task(read())
        outcome = yield lambda: loop.sendfile(transport, file)
        transport.close()
        await reading
        assert received == 2_000_000 if outcome.result else received <= 2_000_000


if __name__ == "__main__":
    books.program(main, str)
