"""The other side of client workloads: real servers on the second processor, each started when first needed."""

import contextlib
import json
import os
import pwd
import select
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from . import child, limits
from .child import CellError
from .workloads.net import PAGE_BYTES

_START_S = 60.0


class Peers:
    """Servers by name. `close` stops those that run."""

    def __init__(self, directory: Path, cpu: int | None):
        self._directory = directory
        self._cpu = cpu
        self._stack = contextlib.ExitStack()
        self._found: dict[str, dict | CellError] = {}

    @property
    def spin(self) -> bool:
        """Whether a server has a processor that it may keep busy."""
        return self._cpu is not None

    @contextlib.contextmanager
    def address(self, name: str):
        """What a client needs to know, for as long as the block lasts. Raises CellError, the same each time, if it cannot be
        started. One that never sleeps is stopped at the block's end, since other cells need its processor; others stay."""
        if name in _FOR_A_CELL:
            with contextlib.ExitStack() as stack:
                yield self._start(name, stack)
            return
        if name not in self._found:
            try:
                self._found[name] = self._start(name, self._stack)
            except CellError as error:
                self._found[name] = error
        found = self._found[name]
        if isinstance(found, CellError):
            raise found
        yield found

    def _start(self, name: str, stack: contextlib.ExitStack) -> dict:
        directory = self._directory / name
        directory.mkdir(exist_ok=True)
        starter = _FOR_A_CELL.get(name) or _FOR_THE_RUN[name]
        return starter(self, stack, directory)

    def close(self) -> None:
        """Stop them."""
        self._stack.close()

    def start(self, stack: contextlib.ExitStack, command: list, log: Path, is_up: Callable[[], bool], **options) -> None:
        """Start a server's process, which the stack stops; return once it is up. Raises CellError."""
        process = child.start_program(command, log, **options)
        stack.callback(child.stop, process)
        if self._cpu is not None:
            os.sched_setaffinity(process.pid, {self._cpu})
        deadline = time.monotonic() + _START_S
        while not is_up():
            if process.poll() is not None or time.monotonic() > deadline:
                raise CellError(f"{Path(command[0]).name} did not start\n{child.tail(log)}")
            time.sleep(0.02)


def pages(peers: Peers, stack: contextlib.ExitStack, directory: Path) -> dict:
    """The plain server, which answers every GET alike."""
    program = limits.program()
    if program is None:
        raise CellError("the page server was not built: cargo build --release -p ferrio-loadgen")
    ready, ready_child = os.pipe()
    command = [program, "--http", PAGE_BYTES, "--ready-fd", ready_child, *(["--spin"] if peers.spin else [])]
    with os.fdopen(ready) as reader:
        try:
            peers.start(
                stack, command, directory / "log", lambda: bool(select.select([reader], [], [], 0)[0]), pass_fds=[ready_child]
            )  # fmt: skip
        finally:
            os.close(ready_child)
        return {**json.loads(reader.readline()), "page_bytes": PAGE_BYTES}


def redis(peers: Peers, stack: contextlib.ExitStack, directory: Path) -> dict:
    """redis-server, which stores nothing."""
    port = _free_port()
    program, log = _program("redis-server", "redis-server"), directory / "log"
    command = [program, "--port", port, "--bind", "127.0.0.1", "--dir", directory, "--save", ""]
    peers.start(stack, command, log, lambda: b"Ready to accept connections" in log.read_bytes())
    return {"host": "127.0.0.1", "port": port}


def mysql(peers: Peers, stack: contextlib.ExitStack, directory: Path) -> dict:
    """MariaDB, with a user tester."""
    server = _program("mariadbd", "mariadb-server")
    installer = _program("mariadb-install-db", "mariadb-server")
    options = {}
    if os.geteuid() == 0:
        try:
            options = {"user": pwd.getpwnam("mysql").pw_name, "group": "mysql", "extra_groups": []}
        except KeyError:
            raise CellError("MariaDB does not run as root, and there is no user mysql") from None
        shutil.chown(directory, "mysql", "mysql")
        for above in (directory.parent, directory.parent.parent):
            if above.stat().st_uid == 0 and above.stat().st_mode & 0o777 == 0o700:
                above.chmod(0o711)
    install = f"{installer} --no-defaults --datadir={directory}/data --auth-root-authentication-method=normal --skip-test-db"
    done = subprocess.run(install.split(), stdin=subprocess.DEVNULL, capture_output=True, text=True, **options)
    if done.returncode:
        raise CellError(f"mariadb-install-db failed\n{child.without_paths(done.stderr)[-800:]}")
    start = directory / "start.sql"
    start.write_text("CREATE DATABASE test;\nCREATE USER tester@'%' IDENTIFIED BY 'secret';\nGRANT ALL ON *.* TO tester@'%';\n")
    port, log = _free_port(), directory.parent / "mysql.log"
    command = f"""{server} --no-defaults --datadir={directory}/data --socket={directory}/sock --pid-file={directory}/pid
        --init-file={start} --bind-address=127.0.0.1 --port={port} --skip-name-resolve"""
    peers.start(stack, command.split(), log, lambda: b"ready for connections" in log.read_bytes(), **options)
    return {"host": "127.0.0.1", "port": port, "user": "tester", "password": "secret", "db": "test"}


_FOR_THE_RUN = {"redis": redis, "mysql": mysql}
_FOR_A_CELL = {"pages": pages}


def _program(name: str, package: str) -> str:
    """Its path. Servers are for administrators: they are looked for off PATH too."""
    places = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    found = shutil.which(name, path=places)
    if found is None:
        raise CellError(f"{name} is missing (Debian: apt-get install {package})")
    return found


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]
