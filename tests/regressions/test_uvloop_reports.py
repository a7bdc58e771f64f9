"""What uvloop's users reported, as tests of ferrio and of stock asyncio, written from the reports.

The numbers are those of issues of github.com/MagicStack/uvloop. TLS: `test_uvloop_reports_tls.py`.
"""

import asyncio
import contextlib
import functools
import os
import signal
import socket
import subprocess
import sys
import time

import pytest


def socket_pair():
    pair = socket.socketpair()
    for sock in pair:
        sock.setblocking(False)
    return pair


class TestWriteAfterClose506:
    """#506: a write that races with a close raises RuntimeError "the handler is closed", where
    asyncio drops the bytes. aiomysql's and pytgcalls' users met it on sockets and on a child's
    stdin."""

    def test_of_a_stream(self, flavour, run):
        async def main():
            left, right = socket_pair()
            reader, writer = await asyncio.open_connection(sock=left)
            writer.close()
            writer.write(b"dropped")
            if flavour.name != "asyncio":
                # Stock until some release of 3.13 stumbles over the socket that it has no more.
                writer.writelines([b"dropped", b"too"])
            await writer.wait_closed()
            if flavour.name != "asyncio":
                writer.write(b"dropped")
            assert await asyncio.get_running_loop().sock_recv(right, 100) == b""
            right.close()

        run(main())

    def test_with_the_peer_gone(self, run, log):
        """asyncio warns from the fifth write on."""

        async def main():
            left, right = socket_pair()
            reader, writer = await asyncio.open_connection(sock=left)
            right.close()
            assert await reader.read() == b""
            for _ in range(20):
                writer.write(b"dropped")
                await asyncio.sleep(0)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

        run(main())
        assert "socket.send() raised exception." in log.messages

    def test_of_a_childs_stdin(self, run):
        async def main():
            process = await asyncio.create_subprocess_exec("cat", stdin=subprocess.PIPE)
            process.stdin.close()
            process.stdin.write(b"dropped")
            await process.wait()
            process.stdin.write(b"dropped")

        run(main())

    def test_of_a_datagram(self, flavour, run):
        async def main():
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_datagram_endpoint(
                asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)
            )
            name = transport.get_extra_info("sockname")
            transport.close()
            transport.sendto(b"not dropped yet: it has a socket until the next turn", name)
            await asyncio.sleep(0)
            if flavour.name != "asyncio":
                transport.sendto(b"dropped", name)

        run(main())


class TestNoDescriptorIsClosedTwice:
    """#645, #738: a cancelled `create_connection(sock=…)` left two owners of a descriptor; the
    second close hit whoever had been given its number meanwhile, and bytes of one connection went
    to another. #763: the same with the file of `connect_read_pipe`."""

    @pytest.mark.parametrize("turns", range(4))
    @pytest.mark.parametrize("kind", ["create_connection", "create_unix_connection"])
    def test_of_a_cancelled_connection_645(self, run, kind, turns):
        async def main():
            loop = asyncio.get_running_loop()
            left, right = socket_pair()
            number = left.fileno()
            connect = getattr(loop, kind)
            task = loop.create_task(connect(asyncio.Protocol, sock=left))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            transport = None
            with contextlib.suppress(asyncio.CancelledError):
                transport, _ = await task
            if transport is not None:
                transport.close()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            # Whose transport has taken it has closed the very socket object.
            assert left.fileno() in (-1, number)
            left.close()
            # Somebody else gets the number, and keeps it whatever is dropped.
            other = os.open("/dev/null", os.O_RDONLY)
            assert other == number
            del left, task, transport
            await asyncio.sleep(0)
            os.fstat(other)
            os.close(other)
            right.close()

        run(main())

    @pytest.mark.parametrize("kind", ["connect_read_pipe", "connect_write_pipe"])
    @pytest.mark.parametrize("how", ["close", "abort", "peer", "cancelled"])
    def test_of_a_pipe_763(self, run, kind, how):
        """The probe of the report: a file that looks, as it is closed, whether its descriptor still
        is its own."""

        class Probe:
            closed_at = None

            def __init__(self, descriptor):
                self.descriptor = descriptor

            def fileno(self):
                assert self.closed_at is None
                return self.descriptor

            def close(self):
                assert self.closed_at is None, "closed twice"
                os.fstat(self.descriptor)
                os.close(self.descriptor)
                self.closed_at = time.monotonic()

        async def main():
            loop = asyncio.get_running_loop()
            ends = dict(zip(("connect_read_pipe", "connect_write_pipe"), os.pipe()))
            probe = Probe(ends.pop(kind))
            (peer,) = ends.values()
            task = loop.create_task(getattr(loop, kind)(asyncio.Protocol, probe))
            if how == "cancelled":
                await asyncio.sleep(0)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            else:
                transport, _ = await task
                if how == "peer":
                    os.close(peer)
                elif how == "abort" and kind == "connect_write_pipe":
                    transport.abort()
                else:
                    transport.close()
                del transport
            del task
            while probe.closed_at is None:
                await asyncio.sleep(0.001)
            other = os.open("/dev/null", os.O_RDONLY)
            await asyncio.sleep(0.01)
            os.fstat(other)
            os.close(other)
            if how != "peer":
                os.close(peer)

        run(main())


class TestSendfile228:
    """#228: `loop.sendfile` and `loop.sock_sendfile` raised NotImplementedError."""

    @pytest.fixture
    def file(self, tmp_path):
        (tmp_path / "file").write_bytes(bytes(range(256)) * 4000)
        with open(tmp_path / "file", "rb") as file:
            yield file

    @staticmethod
    async def read_all(sock):
        received = bytearray()
        while piece := await asyncio.get_running_loop().sock_recv(sock, 100_000):
            received += piece
        return bytes(received)

    def test_from_a_socket(self, run, file):
        async def main():
            loop = asyncio.get_running_loop()
            left, right = socket_pair()
            reading = loop.create_task(self.read_all(right))
            assert await loop.sock_sendfile(left, file, 256, 1000) == 1000
            left.close()
            assert await reading == bytes((256 + n) % 256 for n in range(1000))
            right.close()

        run(main())

    def test_from_a_transport_between_writes(self, run, file):
        async def main():
            loop = asyncio.get_running_loop()
            left, right = socket_pair()
            reading = loop.create_task(self.read_all(right))
            transport, _ = await loop.create_connection(asyncio.Protocol, sock=left)
            transport.write(b"head")
            assert await loop.sendfile(transport, file) == 1_024_000
            transport.write(b"tail")
            transport.close()
            assert await reading == b"head" + bytes(range(256)) * 4000 + b"tail"
            right.close()

        run(main())


class TestDatagramsOfASocket561:
    """#561: `sock_sendto`, `sock_recvfrom` and `sock_recvfrom_into`, which asyncio has since 3.11,
    raised NotImplementedError."""

    def test_there_and_back(self, run):
        async def main():
            loop = asyncio.get_running_loop()
            with (
                socket.socket(type=socket.SOCK_DGRAM) as one,
                socket.socket(type=socket.SOCK_DGRAM) as two,
            ):
                for sock in (one, two):
                    sock.setblocking(False)
                    sock.bind(("127.0.0.1", 0))
                waiting = loop.create_task(loop.sock_recvfrom(two, 100))
                await asyncio.sleep(0)
                assert await loop.sock_sendto(one, b"there", two.getsockname()) == 5
                data, address = await waiting
                assert (data, address) == (b"there", one.getsockname())
                await loop.sock_sendto(two, b"back", address)
                buffer = bytearray(100)
                assert await loop.sock_recvfrom_into(one, buffer) == (4, two.getsockname())
                assert buffer[:4] == b"back"

        run(main())


class TestHappyEyeballs406:
    """#406: `create_connection` had no `happy_eyeballs_delay`, `interleave`; without them one
    address that does not answer holds up the connection for minutes."""

    def test_an_address_that_does_not_answer(self, run, monkeypatch):
        async def main():
            loop = asyncio.get_running_loop()
            server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
            good = server.sockets[0].getsockname()
            # A backlog of one, used up: SYNs are dropped.
            dead = socket.create_server(("127.0.0.2", 0), backlog=0)
            fillers = []
            for _ in range(3):
                filler = socket.socket()
                filler.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    filler.connect(dead.getsockname())
                fillers.append(filler)

            async def getaddrinfo(host, port, **kwargs):
                kind = socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, ""
                return [(*kind, address) for address in (dead.getsockname(), good)]

            monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
            transport, _ = await loop.create_connection(
                asyncio.Protocol, "example.invalid", 80, happy_eyeballs_delay=0.05, interleave=1
            )
            assert transport.get_extra_info("peername") == good
            transport.close()
            await asyncio.sleep(0.01)
            for sock in (dead, *fillers):
                sock.close()
            server.close()
            await server.wait_closed()

        run(main())


class TestTimers:
    """#233: `call_at` ran its callback before its time, by the loop's own clock; #359: that clock
    counts whole milliseconds."""

    def test_never_early_233(self, run):
        async def main():
            loop = asyncio.get_running_loop()
            early = []
            over = loop.create_future()
            left = 300

            def timer(when):
                nonlocal left
                if (now := loop.time()) < when:
                    early.append(when - now)
                left -= 1
                if left:
                    when = loop.time() + left % 7 / 3000
                    loop.call_at(when, timer, when)
                else:
                    over.set_result(None)

            loop.call_soon(timer, loop.time())
            await over
            # asyncio takes what is due within its clock's resolution.
            assert all(
                seconds <= 2 * time.get_clock_info("monotonic").resolution for seconds in early
            )

        run(main())

    def test_the_clock_is_finer_than_a_millisecond_359(self, loop):
        seen = set()
        end = time.monotonic() + 0.02
        while time.monotonic() < end:
            seen.add(loop.time())
        assert len(seen) > 200
        assert any(round(seconds * 1e6) % 1000 for seconds in seen)

    def test_a_sleep_of_less_than_a_millisecond_359(self, run):
        async def main():
            loop = asyncio.get_running_loop()
            shortest = 1.0
            for _ in range(200):
                start = loop.time()
                await asyncio.sleep(0.0002)
                shortest = min(shortest, loop.time() - start)
            assert 0.0002 <= shortest + 1e-8
            # The best of 200: epoll_wait's whole milliseconds are stock asyncio's.
            assert shortest < 0.01

        run(main())


class TestKeywordsOfPopen618:
    """#618: `process_group` (3.11), `user`, `group`, `extra_groups` and `umask` (3.9) of
    `subprocess.Popen` raised TypeError."""

    async def output(self, code, **kwargs):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", f"import os; print({code})", stdout=subprocess.PIPE, **kwargs
        )
        out, _ = await process.communicate()
        assert process.returncode == 0
        return out.decode().strip()

    def test_process_group(self, run):
        async def main():
            assert await self.output("os.getpgrp() == os.getpid()", process_group=0) == "True"
            assert await self.output("os.getpgrp()") == str(os.getpgrp())

        run(main())

    def test_umask(self, run):
        assert run(self.output("oct(os.umask(0))", umask=0o27)) == "0o27"

    @pytest.mark.skipif(os.geteuid() != 0, reason="changing users is root's privilege")
    @pytest.mark.parametrize(
        "keyword, value, line",
        [("user", 65534, 0), ("group", 65534, 1), ("extra_groups", [65533], 2)],
    )
    def test_users_and_groups(self, run, keyword, value, line):
        async def main():
            process = await asyncio.create_subprocess_exec(
                *("sh", "-c", "id -u; id -g; id -G"), stdout=subprocess.PIPE, **{keyword: value}
            )
            out, _ = await process.communicate()
            return out.decode().splitlines()[line].split()

        wanted = value if isinstance(value, list) else [value]
        assert set(map(str, wanted)) <= set(run(main()))

    def test_the_others(self, run, tmp_path):
        """Those that a loop may forget: they only work when every keyword arrives."""

        async def main():
            read, write = os.pipe()
            os.write(write, b"inherited")
            os.close(write)
            path = tmp_path / "out"
            with open(path, "wb") as out:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-c",
                    f"import os; print(os.read({read}, 99), os.getsid(0) == os.getpid(),"
                    " os.getcwd(), os.environ['X'])",
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    pass_fds=[read],
                    close_fds=True,
                    start_new_session=True,
                    cwd=tmp_path,
                    env={"X": "y"},
                    preexec_fn=functools.partial(os.write, out.fileno(), b"preexec "),
                )
                assert await process.wait() == 0
            os.close(read)
            assert path.read_text() == f"preexec b'inherited' True {tmp_path} y\n"

        run(main())


class TestInterrupt295:
    """#295: a server under `run_forever` ignored Ctrl-C."""

    PROGRAM = """
        class Echo(asyncio.Protocol):
            def connection_made(self, transport):
                self.transport = transport
            def data_received(self, data):
                self.transport.write(data)

        loop = new_event_loop()
        server = loop.run_until_complete(loop.create_server(Echo, "127.0.0.1", 0))
        {prepare}
        try:
            {run}
        except KeyboardInterrupt:
            print("interrupted")
        server.close()
        loop.run_until_complete(server.wait_closed())
        loop.close()
    """
    KILL = "os.kill(os.getpid(), __import__('signal').SIGINT)"

    @pytest.mark.parametrize(
        "prepare",
        [
            f"loop.call_later(0.05, lambda: {KILL})",
            # While it sleeps in the kernel.
            f"__import__('threading').Timer(0.1, lambda: {KILL}).start()",
            # While it has always something to do.
            "again = lambda: loop.call_soon(again)\n        again()\n"
            f"        __import__('threading').Timer(0.1, lambda: {KILL}).start()",
        ],
        ids=["callback", "sleeping", "busy"],
    )
    @pytest.mark.parametrize(
        "how", ["loop.run_forever()", "loop.run_until_complete(asyncio.sleep(1000))"]
    )
    def test_it_ends_the_run(self, script, prepare, how):
        done = script(self.PROGRAM.replace("{prepare}", prepare).replace("{run}", how), check=False)
        assert done.stdout == "interrupted\n", done.stderr

    def test_after_a_callback_has_raised(self, loop, reported):
        """The regression was in a loop that caught everything."""
        loop.set_exception_handler(reported)
        loop.call_soon(lambda: 1 / 0)
        loop.call_soon(signal.raise_signal, signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            loop.run_forever()
        assert len(reported) == 1


class TestEagerTasks754:
    """#754: with `eager_start` (3.12, 3.14) or an eager task factory `create_task` raised TypeError
    or started late."""

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks are new in 3.12")
    def test_the_eager_factory(self, run):
        async def main():
            loop = asyncio.get_running_loop()
            loop.set_task_factory(asyncio.eager_task_factory)
            seen = []

            async def work():
                seen.append("begun")
                return 7

            task = asyncio.create_task(work(), name="eager")
            assert seen == ["begun"] and task.done() and task.get_name() == "eager"
            assert await task == 7
            async with asyncio.TaskGroup() as group:
                waits = group.create_task(asyncio.sleep(0.001, 8))
                assert not waits.done()
            assert waits.result() == 8

        run(main())

    @pytest.mark.skipif(
        sys.version_info < (3, 14), reason="create_task(eager_start=) is new in 3.14"
    )
    def test_eager_start(self, run):
        async def main():
            seen = []

            async def work():
                seen.append("begun")

            task = asyncio.create_task(work(), eager_start=True)
            assert seen == ["begun"] and task.done()
            late = asyncio.create_task(work(), eager_start=False)
            assert seen == ["begun"]
            await late

        run(main())
