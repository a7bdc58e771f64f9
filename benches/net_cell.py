"""One net cell: start its server, warm it, load it, take the figures, stop it."""

import contextlib
import json
import os
import select
import socket
import subprocess
from pathlib import Path

from . import child
from .child import CellError
from .loops import LoopSpec
from .settings import Settings
from .workloads.definition import NetWorkload

#: Where `cargo build --release -p ferrio-loadgen` puts it.
LOADGEN = child.ROOT / "target" / "release" / "ferrio-loadgen"

#: Seconds beyond the load's own, after which the load generator counts as hanging. It gives up by itself after 10 of silence.
_LOADGEN_GRACE_S = 30.0
#: Seconds for each step of the first connection, and for the server to close it.
_FIRST_CONNECTION_S = 10.0
_SERVERS_CLOSE_S = 1.0


def run(
    workload: NetWorkload, loop: LoopSpec, settings: Settings, cpus: list[int], loadgen: Path, directory: Path
) -> dict:
    """The cell's figures: messages per second, latencies and the server's processor time per message in ns.

    Raises CellError.
    """
    log = directory / "server.log"
    with _server(workload, loop, settings, cpus, directory, log) as (process, address):
        try:
            _first_connection(address, workload)
            report = _load(workload, settings, cpus, loadgen, address, process.pid)
        except CellError as error:
            raise CellError(_with_server(str(error), process, log)) from None
        if process.poll() is not None:
            raise CellError(_with_server("the server did not stay", process, log))
        figures = _figures(report)
        if said := child.tail(log):
            figures["log"] = said
        return figures


@contextlib.contextmanager
def _server(workload, loop, settings, cpus, directory, log):
    """A running server and its address: ("127.0.0.1", port) or a path."""
    ready, ready_child = os.pipe()
    arguments = ["--kind", workload.server, "--loop", loop, "--ready-fd", ready_child]
    if workload.unix:
        path = directory / "server.sock"
        path.unlink(missing_ok=True)
        arguments += ["--unix", path]
    if settings.pinned:
        arguments += ["--cpu", cpus[0]]
    with os.fdopen(ready) as reader:
        try:
            process = child.start("benches.server", arguments, log, pass_fds=[ready_child])
        finally:
            os.close(ready_child)
        try:
            readable, _, _ = select.select([reader], [], [], settings.server_start_limit_s)
            line = reader.readline() if readable else ""
            if not line:
                raise CellError(_with_server("the server did not start to listen", process, log))
            address = json.loads(line)
            yield process, address.get("path") or ("127.0.0.1", address["port"])
        finally:
            child.stop(process)


def _with_server(text: str, process: subprocess.Popen, log: Path) -> str:
    """The error, how the server ended if it did, and what it said."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(0.2)
    end = "runs" if process.poll() is None else child.describe_end(process)
    return f"{text}\nthe server {end}; its log: {child.tail(log) or 'empty'}"


def _first_connection(address, workload) -> None:
    """One message on a connection that is closed, by both sides, before anything is measured."""
    family = socket.AF_UNIX if workload.unix else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as connection:
            connection.settimeout(_FIRST_CONNECTION_S)
            connection.connect(address)
            connection.sendall(bytes(workload.size))
            received = 0
            while received < workload.reply_bytes:
                data = connection.recv(workload.reply_bytes - received)
                if not data:
                    raise CellError(f"first connection: closed after {received} of {workload.reply_bytes} bytes")
                received += len(data)
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(_SERVERS_CLOSE_S)
            # Some loops leave the connection open after our end of stream; a churn workload fails on them, an echo need not.
            with contextlib.suppress(TimeoutError):
                if connection.recv(1):
                    raise CellError("first connection: more bytes than were asked for")
    except OSError as error:
        raise CellError(f"first connection: {error or type(error).__name__}") from None


def _load(workload, settings, cpus, loadgen, address, server_pid) -> dict:
    """Run the load generator; its report. It fails on the first wrong byte."""
    command = [loadgen, "--json", "--connections", workload.connections, "--size", workload.size]
    command += ["--reply-bytes", workload.reply_bytes, "--server-pid", server_pid]
    command += ["--warmup", settings.warmup_s, "--duration", settings.measured_s]
    command += ["--unix", address] if workload.unix else ["--addr", f"{address[0]}:{address[1]}"]
    if workload.churn:
        command += ["--churn"]
    if settings.pinned:
        command += ["--cpu", cpus[1]]
    limit = settings.warmup_s + settings.measured_s + _LOADGEN_GRACE_S
    try:
        done = subprocess.run([*map(str, command)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        raise CellError(f"the load generator did not finish within {limit:g} s") from None
    if done.returncode:
        raise CellError(child.without_paths(done.stderr.strip()) or f"the load generator ended with status {done.returncode}")
    return json.loads(done.stdout)


def _figures(report: dict) -> dict:
    if not report["messages"]:
        raise CellError("no message was answered in the measured time")
    cpu = report["server_cpu_ns_per_message"]
    return {
        "per_s": report["messages_per_s"],
        "p50_ns": report["latency_ns"]["p50"],
        "p99_ns": report["latency_ns"]["p99"],
        "server_cpu_ns": cpu["total"],
        "server_cpu_user_ns": cpu["user"],
        "messages": report["messages"],
        "bytes_verified": report["bytes_verified"],
        "fewest_on_a_connection": report["fewest_on_a_connection"],
    }
