"""Real servers for the tests: found or installed, started on a free port in a temporary directory, stopped by pid."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time

import pytest

START_SECONDS = 120  # only a server that does not come up takes so long


def find_program(name, package):
    """The path of a server's program; as root it is installed when missing, in CI its absence is a failure, else a skip."""
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    path = shutil.which(name, path=search)
    if path is None and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "-qq", "update"], ["apt-get", "-qq", "-y", "--no-install-recommends", "install", package]):
            subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)
        path = shutil.which(name, path=search)
    if path is None:
        need = f"{name} is missing (Debian: apt-get install {package})"
        pytest.fail(need) if os.environ.get("CI") == "true" else pytest.skip(need)
    return path


def free_port():
    """A TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@contextlib.contextmanager
def started(command, log, is_up, **popen):
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
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
