"""One net cell: start its server, warm it, load it, take the figures, stop it."""

import contextlib
import json
import os
import select
import statistics
import subprocess
from pathlib import Path

from . import certificates, child, first_connection, limits
from .child import CellError, Hung
from .loops import LoopSpec
from .settings import Settings
from .workloads.definition import IdleWorkload, NetWorkload, missing

#: Seconds beyond the load's own, after which the load generator counts as hanging. It gives up by itself after 10 of silence.
_LOADGEN_GRACE_S = 30.0


def run(workload: NetWorkload, loop: LoopSpec, settings: Settings, cpus: list[int], loadgen: Path, directory: Path) -> dict:
    """The cell's figures: messages per second, latencies and the server's processor time per message in ns.

    Raises CellError.
    """
    log = directory / "server.log"
    with server(workload, loop, settings, cpus, directory, log) as (process, address):
        try:
            if not settings.cold:
                first_connection.make(address, workload, directory)
            figures = _figures(_load(workload, settings, cpus, loadgen, address, process.pid, directory))
            if workload.server == "latency":
                figures |= _lateness(first_connection.ask_timers(address, settings.measured_s), figures["p99_ns"])
        except CellError as error:
            raise type(error)(with_server(str(error), process, log)) from None
        if process.poll() is not None:
            raise CellError(with_server("the server did not stay", process, log))
        if said := child.tail(log):
            figures["log"] = said
        return figures


@contextlib.contextmanager
def server(
    workload: NetWorkload | IdleWorkload, loop: LoopSpec, settings: Settings, cpus: list[int], directory: Path, log: Path
):
    """A running server's process and its address: {"port": …} on 127.0.0.1, or {"path": …}. Raises CellError."""
    if lacks := missing(workload):
        raise CellError(f"not installed: {', '.join(lacks)}")
    ready, ready_child = os.pipe()
    command = _server_command(workload, loop, directory) + ["--ready-fd", ready_child]
    if settings.pinned:
        command += ["--cpu", cpus[0]]
    with os.fdopen(ready) as reader:
        try:
            starter = child.start_program if loop.limit == "rust" else _start_module
            process = starter(command, log, pass_fds=[ready_child])
        finally:
            os.close(ready_child)
        try:
            readable, _, _ = select.select([reader], [], [], settings.server_start_limit_s)
            line = reader.readline() if readable else ""
            if not line:
                raise CellError(with_server("the server did not start to listen", process, log))
            yield process, json.loads(line)
        finally:
            child.stop(process)


def _start_module(command: list, log: Path, **options) -> subprocess.Popen:
    return child.start(command[0], command[1:], log, **options)


def _server_command(workload, loop, directory) -> list:
    """Its program or module, and what it is told."""
    command = []
    if workload.transport == "unix":
        path = directory / "server.sock"
        path.unlink(missing_ok=True)
        command += ["--unix", path]
    if loop.limit:
        return [limits.program() if loop.limit == "rust" else "benches.servers.limit", *command]
    if workload.transport == "tls":
        command += ["--tls", certificates.made_in(directory)[0]]
    command += ["--kind", workload.server, "--loop", loop, "--directory", directory]
    return ["benches.servers", *command, "--size", workload.size, "--reply-bytes", workload.reply_bytes]


def with_server(text: str, process: subprocess.Popen, log: Path) -> str:
    """The error, how the server ended if it did, and what it said."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(0.2)
    end = "runs" if process.poll() is None else child.describe_end(process)
    return f"{text}\nthe server {end}; its log: {child.tail(log) or 'empty'}"


def _load(workload, settings, cpus, loadgen, address, server_pid, directory) -> dict:
    """Run the load generator; its report. It fails on the first wrong byte."""
    command = [loadgen, "--json", "--connections", workload.connections, "--server-pid", server_pid, *workload.load]
    command += ["--warmup", settings.warmup_s, "--duration", settings.measured_s, "--reply-bytes", workload.reply_bytes]
    if workload.form == "http":
        command += ["--http"]
    else:
        command += ["--size", workload.size] + (["--lines"] if workload.form == "lines" else [])
    if workload.transport == "unix":
        command += ["--unix", address["path"]]
    else:
        command += ["--udp" if workload.transport == "udp" else "--addr", f"127.0.0.1:{address['port']}"]
    if workload.transport == "tls":
        command += ["--tls", certificates.made_in(directory)[1]]
    if settings.pinned:
        command += ["--cpu", cpus[1]]
    limit = settings.warmup_s + settings.measured_s + _LOADGEN_GRACE_S
    try:
        done = subprocess.run([*map(str, command)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        raise Hung(f"the load generator did not finish within {limit:g} s") from None
    if done.returncode:
        said = child.without_paths(done.stderr.strip()) or f"the load generator ended with status {done.returncode}"
        raise (Hung if "nothing came for" in said else CellError)(said)
    return json.loads(done.stdout)


def _figures(report: dict) -> dict:
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


def _lateness(told: dict, answers_p99_ns: float) -> dict:
    """How late the server's timers were, beside how late its answers."""
    late = told["late_ns"]
    if len(late) < 2:
        raise CellError(f"{len(late)} timers ran in the measured time")
    timers_p99_ns = statistics.quantiles(late, n=100, method="inclusive")[98]
    return {
        "timer_p50_ns": statistics.median(late),
        "timer_p99_ns": timers_p99_ns,
        "lateness_p99_ns": max(timers_p99_ns, answers_p99_ns),
        "timers": len(late),
        "callbacks_per_s": told["callbacks_per_s"],
    }
