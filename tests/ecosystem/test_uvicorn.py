"""uvicorn as a real server process: ``--loop ferrio:new_event_loop`` answers, ends and logs as ``--loop asyncio`` does."""

import concurrent.futures
import contextlib
import http.client
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import sys
import time

import pytest
import websockets
import websockets.sync.client
from servers import START_SECONDS, free_port

PROGRAMS = pathlib.Path(__file__).with_name("programs")
LOOPS = {"asyncio": "asyncio.unix_events", "ferrio:new_event_loop": "ferrio"}
BODY = os.urandom(3_000_001)


class Server:
    """A running uvicorn: where it listens and what it said."""

    def __init__(self, process, port, log, context):
        self.process, self.port, self.log, self.context = process, port, log, context

    def connect(self):
        if self.context:
            return http.client.HTTPSConnection("localhost", self.port, context=self.context, timeout=60)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def get(self, path, method="GET", body=None):
        with contextlib.closing(self.connect()) as connection:
            return _answer(connection, path, method, body)

    def raw(self, data):
        """What the server answers to these bytes until it closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as sock:
            sock.sendall(data)
            return b"".join(iter(lambda: sock.recv(65536), b""))

    def wait_for(self, line):
        """Until the server has said this."""
        while line not in self.log.read_text():
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.01)

    def end(self, signum=signal.SIGTERM):
        """(exit status, what was said without pids and ports, nor what depends on how long anything took)"""
        self.process.send_signal(signum)
        status = self.process.wait(60)
        lines = [line for line in self.log.read_text().splitlines() if "to force quit" not in line]
        return status, sorted(re.sub(r"\d{2,}", "N", line) for line in lines)


@pytest.fixture
def serve_on_both(tmp_path):
    """``serve_on_both(visit, *arguments)``: what `visit(server)` returns is the same with either loop; it is returned."""

    def serve_on_both(visit, *arguments, context=None):
        seen = []
        for loop, module in LOOPS.items():
            directory = tmp_path / module
            directory.mkdir()
            command = ["-m", "uvicorn", "uvicorn_app:app", "--loop", loop, *map(str, arguments)]
            with _serving(directory, command, context) as server:
                seen.append(visit(server))
            assert set((directory / "ran-on").read_text().split()) == {module}
        assert seen[0] == seen[1]
        return seen[0]

    return serve_on_both


@contextlib.contextmanager
def _serving(directory, command, context):
    log, port = directory / "log", free_port()
    with open(log, "wb") as output:
        process = subprocess.Popen(
            [sys.executable, *command, "--port", str(port)],
            cwd=directory,
            env={**os.environ, "PYTHONPATH": str(PROGRAMS), "RAN_ON": str(directory / "ran-on")},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        server = Server(process, port, log, context)
        deadline = time.monotonic() + START_SECONDS
        while not _is_listening(port):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        yield server
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _is_listening(port):
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def _answer(connection, path, method="GET", body=None):
    connection.request(method, path, body=body)
    answer = connection.getresponse()
    return answer.status, answer.read()


def _in_pieces():
    for start in range(0, len(BODY), 100_000):
        yield BODY[start : start + 100_000]


def visit(server):
    """One of everything, then SIGTERM while a request is under way."""
    seen = [server.get("/greeting"), server.get("/broken")]
    with contextlib.closing(server.connect()) as connection:
        peers = set()
        for _ in range(20):
            assert _answer(connection, "/pid")[1].decode() == str(server.process.pid)
            peers.add(connection.sock.getsockname())
        seen.append(("connections", len(peers)))
    assert server.get("/echo", "POST", BODY) == server.get("/echo", "POST", _in_pieces()) == (200, BODY)
    assert len(server.get("/flood")[1]) == 20_000_000
    with contextlib.closing(server.connect()) as connection:
        connection.request("GET", "/until-gone")
        seen.append(connection.getresponse().read(4))
    server.wait_for("app: client gone")
    if server.context is None:
        many = b"GET /greeting HTTP/1.1\r\nHost: x\r\n\r\n" * 5 + b"GET /pid HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        seen.append(("pipelined", server.raw(many).count(b"hello")))
        seen.append(("nonsense", server.raw(b"nonsense\r\n\r\n").split(b"\r\n")[0]))
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        seen.append({pool.submit(server.get, "/greeting").result() for _ in range(200)})
        slow = pool.submit(server.get, "/slow")
        server.wait_for("slow begun")
        ended = server.end()
        seen.append(slow.result())
    return seen, ended


@pytest.mark.parametrize("parser", ["httptools", "h11"])
def test_one_process(serve_on_both, parser):
    seen, (status, log) = serve_on_both(visit, "--http", parser, "--no-access-log")
    assert seen[0] == (200, b"hello") and seen[-1] == (200, b"begun and finished")
    assert status in (0, -signal.SIGTERM) and "app: shutdown" in log


def test_tls(serve_on_both, certificates):
    context = ssl.create_default_context(cafile=certificates.ca)
    server = "--ssl-keyfile", certificates.server, "--ssl-certfile", certificates.server
    seen, _ = serve_on_both(visit, "--http", "httptools", "--no-access-log", *server, context=context)
    assert seen[-1] == (200, b"begun and finished")


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("loop", ["auto", "asyncio", "none"])
def test_under_python_m_ferrio(tmp_path, loop, workers):
    """uvicorn names the class of the loop it wants; workers are interpreters that multiprocessing has spawned."""
    command = ["-m", "ferrio", "--override", "-m", "uvicorn", "uvicorn_app:app", "--loop", loop, "--workers", str(workers)]
    with _serving(tmp_path, command, None) as server:
        assert server.get("/greeting") == (200, b"hello")
        server.end()
    assert set((tmp_path / "ran-on").read_text().split()) == {"ferrio"}


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_two_workers(serve_on_both, signum):
    def visit_workers(server):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:

            def workers():
                pids = set()
                while len(pids) < 2:
                    pids |= set(pool.map(lambda _: int(server.get("/busy")[1]), range(8)))
                return pids

            first = workers()
            assert server.process.pid not in first
            if signum == signal.SIGTERM:
                os.kill(min(first), signal.SIGKILL)
                server.wait_for("died")
                assert len(workers() & first) == 1  # the other has been replaced
            slow = [pool.submit(server.get, "/slow") for _ in range(4)]
            while server.log.read_text().count("slow begun") < 4:
                time.sleep(0.01)
            status, log = server.end(signum)
            return [each.result() for each in slow], status, [line for line in log if line.startswith("app: ")]

    slow, _, log = serve_on_both(visit_workers, "--http", "httptools", "--workers", 2, "--no-access-log")
    assert slow == [(200, b"begun and finished")] * 4
    assert log.count("app: shutdown") == 2


@pytest.mark.parametrize("library", ["websockets", "websockets-sansio"])
def test_websockets(serve_on_both, library):
    def visit_websockets(server):
        url, seen = f"ws://127.0.0.1:{server.port}", []
        with websockets.sync.client.connect(url, max_size=None) as socket_:
            for text in "one", "two", BODY:
                socket_.send(text)
                assert socket_.recv() == text
            socket_.close(4001)
        server.wait_for("websocket closed 4001")
        with websockets.sync.client.connect(url) as socket_:
            socket_.send("close")
            with pytest.raises(websockets.ConnectionClosed) as closed:
                socket_.recv()
            seen.append((closed.value.rcvd.code, closed.value.rcvd.reason))
        with websockets.sync.client.connect(url) as socket_:
            socket_.socket.shutdown(socket.SHUT_RDWR)
        server.wait_for("websocket closed 100")  # 1005 or 1006, by library
        with pytest.raises(websockets.InvalidStatus) as refused:
            websockets.sync.client.connect(url + "/refused")
        seen.append(refused.value.response.status_code)
        with websockets.sync.client.connect(url) as socket_:
            seen.append(server.end())
            with pytest.raises(websockets.ConnectionClosed) as closed:
                socket_.recv()
            seen.append(closed.value.rcvd.code)
        return seen

    seen = serve_on_both(visit_websockets, "--ws", library)
    assert seen[0] == (4000, "as you wish") and seen[1] == 403 and seen[3] == 1012


def test_a_request_that_does_not_end_is_cancelled_when_time_is_up(serve_on_both):
    def visit_endless(server):
        with contextlib.closing(server.connect()) as connection:
            connection.request("GET", "/until-gone")
            answer = connection.getresponse()
            assert answer.read(4) == b"here"
            return server.end()[0], server.log.read_text().count("Traceback")

    serve_on_both(visit_endless, "--timeout-graceful-shutdown", 1)


def test_inside_a_program_of_ones_own(on_both):
    on_both("uvicorn_programmatic.py")
