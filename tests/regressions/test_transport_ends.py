"""What a second review of transports, listeners, signals and child processes found. Each test says what ferrio did."""

import asyncio
import contextvars
import gc
import os
import signal
import socket
import subprocess
import sys
import warnings

import pytest


class Recorder(asyncio.Protocol):
    def __init__(self):
        self.lost = asyncio.get_running_loop().create_future()

    def connection_lost(self, exc):
        self.lost.set_result(exc)


def test_connections_begin_in_the_servers_context(run):
    """Factory, callbacks and handler tasks ran in the context of whoever started the loop."""
    variable = contextvars.ContextVar("variable", default="lost")
    seen = []

    class Protocol(asyncio.Protocol):
        def __init__(self):
            seen.append(variable.get())
            variable.set("leaked")

        def connection_made(self, transport):
            transport.close()

    async def handle(reader, writer):
        seen.append(variable.get())
        writer.close()

    async def main():
        variable.set("server's")
        loop = asyncio.get_running_loop()
        servers = [
            await asyncio.start_server(handle, "127.0.0.1", 0),
            await loop.create_server(Protocol, "127.0.0.1", 0),
        ]
        for server in servers * 2:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            await reader.read()
            writer.close()
            await writer.wait_closed()
        for server in servers:
            server.close()
            await server.wait_closed()

    run(main())
    assert seen == ["server's"] * 4


def test_a_descriptor_closed_by_others_ends_the_connection_only(loop, reported):
    """The OSError of the socket's close() left the loop, and the server never heard of the end."""
    loop.set_exception_handler(reported)

    async def main():
        ours, theirs = socket.socketpair()
        transport, protocol = await loop.create_connection(Recorder, sock=ours)
        os.close(ours.fileno())
        transport.abort()
        assert await protocol.lost is None
        await asyncio.sleep(0)
        theirs.close()
        return ours

    ours = loop.run_until_complete(main())
    ours.detach()
    assert len(reported) == 1 and isinstance(reported[0]["exception"], OSError)


def test_a_pipe_whose_close_fails_ends_alone(loop, reported):
    """The same for a file object: the last flush of a buffered one may fail."""
    loop.set_exception_handler(reported)

    class File:
        def __init__(self, fd):
            self.fileno = lambda: fd

        def close(self):
            os.close(self.fileno())
            raise BrokenPipeError

    async def main():
        for connect, end in ((loop.connect_read_pipe, 0), (loop.connect_write_pipe, 1)):
            ends = os.pipe()
            transport, protocol = await connect(Recorder, File(ends[end]))
            transport.close()
            await protocol.lost
            await asyncio.sleep(0)
            os.close(ends[1 - end])
            # asyncio's own transport would close it again in its finalizer.
            transport._pipe = None

    loop.run_until_complete(main())
    assert [type(report["exception"]) for report in reported] == [BrokenPipeError] * 2


def test_reading_from_what_cannot_be_polled(loop, reported):
    """connect_read_pipe(/dev/null), the stdin of every daemon: EPERM left the loop."""
    loop.set_exception_handler(reported)

    async def main():
        transport, protocol = await loop.connect_read_pipe(Recorder, open("/dev/null", "rb", 0))
        await asyncio.sleep(0.01)
        transport.close()
        await protocol.lost
        await asyncio.sleep(0)

    loop.run_until_complete(main())
    assert [type(report["exception"]) for report in reported] == [PermissionError]


@pytest.mark.parametrize("kind", ["socket", "pipe"])
def test_an_interrupt_in_connection_lost_stays_one(loop, kind):
    """close() ran with the KeyboardInterrupt set and turned it into a SystemError."""

    class Interrupting(asyncio.Protocol):
        def connection_lost(self, exc):
            raise KeyboardInterrupt

    async def main():
        if kind == "socket":
            ours, theirs = socket.socketpair()
            transport, _ = await loop.create_connection(Interrupting, sock=ours)
        else:
            ours, theirs = (open(fd, mode, 0) for fd, mode in zip(os.pipe(), ("rb", "wb")))
            transport, _ = await loop.connect_read_pipe(Interrupting, ours)
        with theirs:
            transport.close()
            await asyncio.sleep(0.02)

    task = loop.create_task(main())
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(task)
    loop.run_until_complete(task)


def test_nothing_is_written_to_a_descriptor_that_is_not_ours_any_more(loop, tmp_path):
    """A program closed its socket under the transport; the next write went to the file that got the number."""

    async def main():
        ours, theirs = socket.socketpair()
        transport, protocol = await loop.create_connection(Recorder, sock=ours)
        number = ours.fileno()
        ours.close()
        with open(tmp_path / "file", "w+b", 0) as file, theirs:
            assert file.fileno() == number
            transport.write(b"secret")
            assert isinstance(await protocol.lost, OSError)
            await asyncio.sleep(0)
            file.seek(0)
            assert file.read() == b""

    loop.run_until_complete(main())


def test_a_protocol_may_replace_its_own_callback(loop):
    """The bound method was looked up once."""
    seen = []

    class Changing(Recorder):
        def connection_made(self, transport):
            self.data_received = self.first

        def first(self, data):
            seen.append(("first", data))
            self.data_received = self.second

        def second(self, data):
            seen.append(("second", data))

    async def main():
        ours, theirs = socket.socketpair()
        with theirs:
            transport, protocol = await loop.create_connection(Changing, sock=ours)
            for data in (b"a", b"b"):
                theirs.send(data)
                await asyncio.sleep(0.02)
            transport.close()
            await protocol.lost
            await asyncio.sleep(0)

    loop.run_until_complete(main())
    assert seen == [("first", b"a"), ("second", b"b")]


def test_a_fork_in_a_callback_sends_what_was_written_once(script):
    """Parent and child both sent it at the end of the callback."""
    done = script(
        """
        import asyncio, socket
        loop = new_event_loop()
        async def main():
            ours, theirs = socket.socketpair()
            transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
            def write_and_fork():
                transport.write(b"once")
                child = os.fork()
                if child:
                    os.waitpid(child, 0)
                else:
                    # ferrio's child ends with an error before that.
                    loop.call_soon(os._exit, 0)
            loop.call_soon(write_and_fork)
            await asyncio.sleep(0.05)
            print(theirs.recv(100), flush=True)
            transport.close()
            theirs.close()
            await asyncio.sleep(0.01)
        parent = os.getpid()
        try:
            loop.run_until_complete(main())
        finally:
            if os.getpid() != parent:
                os._exit(0)
        loop.close()
        """
    )
    assert done.stdout == "b'once'\n"


def test_a_factory_that_fails_is_told_of_in_debug_mode_only(loop, reported):
    """It was reported always."""
    loop.set_debug(False)
    loop.set_exception_handler(reported)

    def factory():
        raise ValueError

    async def main():
        server = await loop.create_server(factory, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        await asyncio.sleep(0.02)
        writer.close()
        server.close()
        await asyncio.sleep(0.01)

    loop.run_until_complete(main())
    assert reported == []
    loop.set_debug(True)
    loop.run_until_complete(main())
    assert [type(report["exception"]) for report in reported] == [ValueError]
    # asyncio's traceback holds the accepted socket.
    reported.clear()


def test_remove_reader_where_a_server_listens_or_a_transport_closes(loop):
    """RuntimeError: "used by transport"."""

    async def main():
        server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
        assert loop.remove_reader(server.sockets[0].fileno()) is True
        server.close()
        ours, theirs = socket.socketpair()
        with theirs:
            transport, protocol = await loop.create_connection(Recorder, sock=ours)
            transport.write(bytes(5_000_000))
            transport.close()
            assert loop.remove_reader(ours.fileno()) is False
            transport.abort()
            await protocol.lost
            await asyncio.sleep(0)

    loop.run_until_complete(main())


def test_the_number_of_a_listening_socket_that_was_closed_is_free(loop):
    """A connection that got it was refused: "used by transport <Listener>"."""

    async def main():
        listening = socket.create_server(("127.0.0.1", 0))
        server = await loop.create_server(asyncio.Protocol, sock=listening)
        number = listening.fileno()
        listening.close()
        ours, theirs = socket.socketpair()
        with theirs:
            assert number in (ours.fileno(), theirs.fileno())
            if ours.fileno() != number:
                ours, theirs = theirs, ours
            transport, protocol = await loop.create_connection(Recorder, sock=ours)
            transport.abort()
            await protocol.lost
            await asyncio.sleep(0)
        del server

    loop.run_until_complete(main())


def test_close_gives_the_wakeup_descriptor_back(loop_factory):
    """CPython kept the number of a closed pipe and would have written signals into whatever got it."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write)
    try:
        loop = loop_factory()

        async def main():
            loop.add_signal_handler(signal.SIGUSR1, print)
            loop.remove_signal_handler(signal.SIGUSR1)

        loop.run_until_complete(main())
        loop.close()
    finally:
        left = signal.set_wakeup_fd(-1)
        os.close(read)
        os.close(write)
    assert left in (-1, write)


_SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <unistd.h>
ssize_t read(int fd, void *into, size_t room) {
    static ssize_t (*real)(int, void *, size_t);
    static int done;
    if (!real) real = dlsym(RTLD_NEXT, "read");
    if (room == 256 && !done) { done = 1; raise(SIGUSR2); }
    return real(fd, into, room);
}
"""


def test_a_signal_while_the_pipe_is_emptied_is_not_left_till_later(script, tmp_path):
    """Handlers ran, then the pipe was emptied: a signal in between lost its byte, and the loop slept on it."""
    (tmp_path / "shim.c").write_text(_SHIM)
    shim = tmp_path / "shim.so"
    command = ["cc", "-shared", "-fPIC", "-o", shim, tmp_path / "shim.c", "-ldl"]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no C compiler")
    done = script(
        """
        import asyncio, signal, threading, time
        loop = new_event_loop()
        signal.signal(signal.SIGUSR1, lambda *_: None)
        signal.signal(signal.SIGUSR2, lambda *_: print(time.monotonic() - start < 1))
        threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGUSR1)).start()
        start = time.monotonic()
        loop.run_until_complete(asyncio.sleep(2 if sys.argv[1] == "ferrio" else 0.5))
        loop.close()
        """,
        "ferrio",
        env={**os.environ, "LD_PRELOAD": str(shim)},
    )
    assert done.stdout in ("True\n", "")  # asyncio's own loop never reads 256 bytes


def test_a_spawn_that_is_cancelled_closes_every_pipe(run):
    """Those that had no transport yet were left to the collector, with a warning (an error in these tests)."""

    async def main():
        for turns in range(1, 5):
            spawn = asyncio.create_subprocess_exec("sleep", "100", stdin=-1, stdout=-1, stderr=-1)
            task = asyncio.ensure_future(spawn)
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            del task, spawn
            await asyncio.sleep(0.02)

    run(main())


def test_a_socket_that_was_given_when_there_is_no_transport(loop):
    """It was closed when the protocol factory failed, which asyncio does since 3.14 only."""

    def factory():
        raise ValueError

    async def main():
        ours, theirs = socket.socketpair()
        with ours, theirs:
            with pytest.raises(ValueError):
                await loop.create_connection(factory, sock=ours)
            assert (ours.fileno() < 0) == (sys.version_info >= (3, 14))

    loop.run_until_complete(main())


def test_an_own_datagram_socket_when_there_is_no_transport(flavour, loop):
    """It was left to the collector when the protocol factory failed."""
    if flavour.name == "asyncio":
        pytest.skip("it leaves its socket to the collector")

    def factory():
        raise ValueError

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError):
            loop.run_until_complete(
                loop.create_datagram_endpoint(factory, local_addr=("127.0.0.1", 0))
            )
        gc.collect()


@pytest.mark.skipif(sys.version_info < (3, 13), reason="the file is looked at since 3.13")
def test_a_unix_socket_whose_file_is_gone_can_be_served(loop, tmp_path):
    """FileNotFoundError."""

    async def main():
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(str(tmp_path / "sock"))
        os.unlink(tmp_path / "sock")
        server = await loop.create_unix_server(asyncio.Protocol, sock=sock)
        server.close()

    loop.run_until_complete(main())


def test_no_peer_is_none_whatever_the_default(loop):
    """The default was returned."""

    async def main():
        transport, protocol = await loop.create_connection(Recorder, sock=socket.socket())
        assert transport.get_extra_info("peername", "default") is None
        transport.abort()
        await protocol.lost
        await asyncio.sleep(0)

    loop.run_until_complete(main())


def test_what_was_written_before_abort_has_been_offered_to_the_kernel(run):
    """An aiohttp handler that wrote to a TLS connection and aborted it: the client got nothing, not even the answer's head."""

    class Leaving(asyncio.Protocol):
        def __init__(self, how):
            self.how = how

        def connection_made(self, transport):
            self.transport = transport

        def data_received(self, data):
            self.transport.write(b"last words")
            if self.how == "abort":
                self.transport.abort()
            elif self.how == "force":
                self.transport._force_close(OSError())
            else:
                raise OSError("everyday life")

    async def main():
        loop = asyncio.get_running_loop()
        for how in "abort", "force", "raise":
            server = await loop.create_server(lambda how=how: Leaving(how), "127.0.0.1", 0)
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"?")
            assert await reader.read() == b"last words", how
            writer.close()
            await writer.wait_closed()
            server.close()
            await server.wait_closed()

    run(main())


def test_what_was_written_to_a_pipe_before_abort_has_been_offered_to_the_kernel(run):
    """Found with the one above: the same for pipes."""

    async def main():
        reading, writing = os.pipe()
        with open(reading, "rb") as reader:
            transport, _ = await asyncio.get_running_loop().connect_write_pipe(
                asyncio.Protocol, open(writing, "wb", 0)
            )
            transport.write(b"last words")
            transport.abort()
            await asyncio.sleep(0.01)
            assert reader.read() == b"last words"

    run(main())
