"""Real servers for the tests: found or installed, started on a free port in a temporary directory, stopped by pid.

Those named ``mortal_…`` keep what they have acknowledged, and a test kills them and starts them again; theirs is `control`.
"""

import contextlib
import fcntl
import glob
import os
import pathlib
import random
import shutil
import signal
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
import types

import psutil
import pytest
import trustme

START_SECONDS = 120  # only a server that does not come up takes so long


def find_program(name, package):
    """The path of a server's program; as root it is installed when missing, in CI its absence is a failure, else a skip."""
    path = _which(name)
    if path is None and os.geteuid() == 0 and shutil.which("apt-get"):
        _install(name, package)
        path = _which(name)
    if path is None:
        need = f"{name} is missing (Debian: apt-get install {package})"
        pytest.fail(need) if os.environ.get("CI") == "true" else pytest.skip(need)
    return path


def _install(name, package):
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with open(os.path.join(tempfile.gettempdir(), "ferrio-apt.lock"), "w") as lock:
        # Tests on another CPython may be at it.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _which(name) is None:
            for command in (["update"], ["-y", "--no-install-recommends", "install", package]):
                subprocess.run(["apt-get", "-qq", *command], env=environment, stdout=subprocess.DEVNULL, check=False)


def _which(name):
    """Where a program is, also off PATH: servers are for administrators, and Debian's PostgreSQL has a directory per version."""
    per_version = sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)
    search = [os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin", *per_version]
    return shutil.which(name, path=os.pathsep.join(search))


def free_port():
    """A TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def lasting_port():
    """One that nobody is given for a connection of its own while its server is dead: a client that knocks at the dead server's
    door from the port itself would be connected with itself."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        lowest = int(file.read().split()[0])
    while True:
        port = random.randrange(lowest // 2, lowest)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@contextlib.contextmanager
def started(command, log, is_up, stop=signal.SIGTERM, **popen):
    """Run a server whose output goes to the file `log` until the block ends; enter it when `is_up()` is true."""
    with open(log, "wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True, **popen
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not is_up():
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"{command[0]} did not start:\n{log.read_text(errors='replace')}")
            time.sleep(0.05)
        yield process
    finally:
        process.send_signal(stop)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


ATTEMPTS = 3  # to find a port that nobody takes between our asking for it and the server's


def started_on_free_port(stack, command, log, says, **options):
    """Start ``command(port)``, up once its `log` has the words `says`; leave stopping it to the exit `stack`, return the port."""
    for attempt in range(ATTEMPTS):
        port = free_port()
        try:
            stack.enter_context(started(command(port), log, lambda: says in log.read_text(errors="replace"), **options))
            return port
        except pytest.fail.Exception:
            if attempt == ATTEMPTS - 1:
                raise


class Mortal:
    """A server that is killed, with all its processes, and started again on the same port and data."""

    def __init__(self, command, log, says, stop=signal.SIGTERM, **popen):
        self._life = lambda: started(command, log, lambda: says in log.read_text(errors="replace"), stop, **popen)
        self._stack = contextlib.ExitStack()

    def start(self):
        self._process = self._stack.enter_context(self._life())

    def kill(self):
        """SIGKILL, as when memory has run out; returns when nothing of it is left."""
        parent = psutil.Process(self._process.pid)
        parent.suspend()  # so that it has no more children than these
        while parent.status() != psutil.STATUS_STOPPED:
            time.sleep(0.001)
        children = parent.children(recursive=True)
        # It last: a child of PostgreSQL's that sees it dead tells its client, in other words than those of a broken connection.
        for each in (*children, parent):
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        self._process.wait()
        for child in children:
            # Whoever inherits them may not look after its dead.
            with contextlib.suppress(psutil.NoSuchProcess):
                while child.status() != psutil.STATUS_ZOMBIE:
                    time.sleep(0.01)
        self._stack.close()

    def stop(self):
        self._stack.close()


@contextlib.contextmanager
def controlled(server, path):
    """Listen at the UNIX socket `path`: a program under test writes the line "kill" or "start", and reads "done" when it is."""

    class Orders(socketserver.StreamRequestHandler):
        def handle(self):
            for line in self.rfile:
                {b"kill": server.kill, b"start": server.start}[line.strip()]()
                self.wfile.write(b"done\n")

    with socketserver.UnixStreamServer(str(path), Orders) as listener:
        thread = threading.Thread(target=listener.serve_forever)
        thread.start()
        try:
            yield path
        finally:
            listener.shutdown()
            thread.join()


@contextlib.contextmanager
def running(command, home, says, mortal, **options):
    """Run ``command(port)`` until the block ends; enter with its port and, if it is `mortal`, the path of its control."""
    with contextlib.ExitStack() as stack:
        if not mortal:
            yield started_on_free_port(stack, command, home / "log", says, **options), None
            return
        port = lasting_port()
        server = Mortal(command(port), home / "log", says, **options)
        server.start()
        stack.callback(server.stop)
        # Not in its home, which belongs to its user.
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="ferrio-"))
        yield port, stack.enter_context(controlled(server, pathlib.Path(directory, "control")))


@contextlib.contextmanager
def home_of(user):
    """A short-lived directory of a server, and what `Popen` needs to run it as `user` if we are root; not below pytest's own
    directory, which no other user may enter, and with a short path: it holds sockets."""
    with tempfile.TemporaryDirectory(prefix="ferrio-") as name:
        authority = trustme.CA()
        certificate = authority.issue_cert("localhost", "127.0.0.1")
        authority.cert_pem.write_to_path(f"{name}/ca.pem")
        certificate.cert_chain_pems[0].write_to_path(f"{name}/cert.pem")
        certificate.private_key_pem.write_to_path(f"{name}/key.pem")
        os.chmod(f"{name}/key.pem", 0o600)
        popen = {}
        if os.geteuid() == 0:
            popen = {"user": user, "group": user, "extra_groups": []}
            for path in (name, *map(str, pathlib.Path(name).iterdir())):
                shutil.chown(path, user, user)
        yield pathlib.Path(name), popen


def _carried_out(command, **popen):
    """A failure shows what the command said."""
    done = subprocess.run(command.split(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **popen)
    assert done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stdout}"


@contextlib.contextmanager
def _redis(mortal):
    program = find_program("redis-server", "redis-server")
    with home_of("redis") as (home, popen):
        tls_port = None

        def command(port):
            nonlocal tls_port
            tls_port = lasting_port() if mortal else free_port()
            plain = f"--port {port} --bind 127.0.0.1 --unixsocket {home}/redis.sock --dir {home}"
            tls = f"""--tls-port {tls_port} --tls-auth-clients no --tls-ca-cert-file {home}/ca.pem
                --tls-cert-file {home}/cert.pem --tls-key-file {home}/key.pem"""
            keeps = "--appendonly yes --appendfsync always" if mortal else ""
            return [program, *plain.split(), "--save", "", *tls.split(), *keeps.split()]

        with running(command, home, "Ready to accept connections", mortal, **popen) as (port, control):
            yield types.SimpleNamespace(
                port=port,
                tls_port=tls_port,
                socket=home / "redis.sock",
                ca=home / "ca.pem",
                program=program,
                control=control,
            )


@contextlib.contextmanager
def _mariadb(mortal):
    server = find_program("mariadbd", "mariadb-server")
    installer = find_program("mariadb-install-db", "mariadb-server")
    with home_of("mysql") as (home, popen):
        # One that starts removes the temporary tables that it finds where its own would be, those of a live neighbour too.
        directories = f"--no-defaults --datadir={home}/data --tmpdir={home}"
        install = f"{installer} {directories} --auth-root-authentication-method=normal --skip-test-db"
        _carried_out(install, **popen)
        (home / "init.sql").write_text(
            "CREATE DATABASE IF NOT EXISTS test CHARACTER SET utf8mb4;\n"
            "CREATE USER IF NOT EXISTS tester@'%' IDENTIFIED BY 'secret';\n"
            "GRANT ALL ON *.* TO tester@'%';\n"
        )
        options = f"""{directories} --socket={home}/sock --pid-file={home}/pid
            --init-file={home}/init.sql --bind-address=127.0.0.1 --skip-name-resolve
            --ssl-ca={home}/ca.pem --ssl-cert={home}/cert.pem --ssl-key={home}/key.pem
            --innodb-flush-log-at-trx-commit={int(mortal)} --innodb-buffer-pool-size=64M --max-allowed-packet=64M"""
        command = [server, *options.split()]
        with running(lambda port: [*command, f"--port={port}"], home, "ready for connections", mortal, **popen) as (port, control):
            yield types.SimpleNamespace(port=port, ca=home / "ca.pem", control=control)


@contextlib.contextmanager
def _postgres(mortal):
    # Debian keeps its programs off PATH, in a directory for each version.
    initdb = find_program("initdb", "postgresql")
    server = pathlib.Path(initdb).with_name("postgres")
    with home_of("postgres") as (home, popen):
        (home / "password").write_text("secret\n")
        init = f"{initdb} -D {home}/data -U tester -A scram-sha-256 --pwfile={home}/password -E UTF8 --locale=C --no-sync"
        _carried_out(init, cwd=home, **popen)
        options = f"""-D {home}/data -c listen_addresses=127.0.0.1 -c unix_socket_directories={home} -c ssl=on
            -c ssl_cert_file={home}/cert.pem -c ssl_key_file={home}/key.pem -c max_connections=60
            -c fsync={"on" if mortal else "off"}"""
        command = [server, *options.split()]
        # SIGINT disconnects clients; on SIGTERM PostgreSQL waits for them to go.
        says = "database system is ready to accept connections"
        with running(
            lambda port: [*command, "-p", str(port)], home, says, mortal, stop=signal.SIGINT, **popen
        ) as (port, control):
            yield types.SimpleNamespace(port=port, ca=home / "ca.pem", control=control)


@pytest.fixture(scope="session")
def redis_server():
    """redis-server: `port`, `tls_port`, `socket` (a path), `ca` (a path) and `program`."""
    with _redis(mortal=False) as server:
        yield server


@pytest.fixture(scope="session")
def mariadb():
    """MariaDB, with TLS: `port`, `ca` (a path); almighty user tester with password secret, database test."""
    with _mariadb(mortal=False) as server:
        yield server


@pytest.fixture(scope="session")
def postgres():
    """PostgreSQL, with TLS: `port`, `ca` (a path); superuser tester with password secret, database postgres."""
    with _postgres(mortal=False) as server:
        yield server


@pytest.fixture(scope="session")
def mortal_redis():
    with _redis(mortal=True) as server:
        yield server


@pytest.fixture(scope="session")
def mortal_mariadb():
    with _mariadb(mortal=True) as server:
        yield server


@pytest.fixture(scope="session")
def mortal_postgres():
    with _postgres(mortal=True) as server:
        yield server


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """Paths of PEM files: the `ca`; what it issued to localhost (`server`, key and chain in one file); one to `elsewhere`."""
    authority, directory = trustme.CA(), tmp_path_factory.mktemp("certificates")
    paths = {name: directory / f"{name}.pem" for name in ("ca", "server", "elsewhere")}
    authority.cert_pem.write_to_path(paths["ca"])
    authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(paths["server"])
    authority.issue_cert("elsewhere.test").private_key_and_cert_chain_pem.write_to_path(paths["elsewhere"])
    return types.SimpleNamespace(**paths)
