"""What a workload is."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]

_core: list["CoreWorkload"] = []


@dataclass(frozen=True)
class CoreWorkload:
    """A body that a process repeats for a while.

    * form "coroutine": ``await body(iterations)`` in a running loop
    * form "loop": ``body(loop, iterations)`` with a loop that does not run
    * form "spec": ``body(spec, factory, iterations)``, which makes its own loops
    * form "session": ``async with body(address) as run``, then ``await run(iterations)``, many times; `address` is that of `peer`
    * form "memory": in ``async with body(count)`` there is something whose memory is what counts

    The body takes the names of asyncio from the module when it runs, because installing a loop may have replaced them. It
    returns the seconds it took, if it timed itself; None, if the whole call is what counts.
    """

    name: str
    summary: str
    #: What is counted, singular.
    operation: str
    form: str
    body: Callable
    #: Operations of one iteration.
    operations: int = 1
    #: Whether other threads or processes take part. If not, the process is tied to one processor.
    concurrent: bool = False
    #: The server that it talks to, on another processor: a name in `benches.peers`.
    peer: str | None = None
    #: What cannot be imported is told as such.
    needs: tuple[str, ...] = ()
    #: Libraries that others would take notice of stand beside the environment: requirements/NAME.txt in target/NAME-pyVERSION.
    beside: str | None = None
    #: The figure that its ratio is of; see `benches.summary.FIGURES`.
    decided_by: str = "per_s"
    unit: str = "op/s"


@dataclass(frozen=True)
class NetWorkload:
    """A kind of server (see `benches.server`) and the load on it."""

    name: str
    summary: str
    server: str
    connections: int
    #: Bytes of a message and of its answer.
    size: int
    reply_bytes: int
    #: "tcp", "unix", "udp" or "tls".
    transport: str = "tcp"
    #: "bytes", "lines" or "http": see the load generator.
    form: str = "bytes"
    #: More of its options: `("--churn",)`, `("--pipeline", "10")`.
    load: tuple[str, ...] = ()
    #: What cannot be imported is told as such.
    needs: tuple[str, ...] = ()
    #: Whether the servers without a loop take part: see `benches.loops`.
    has_limit: bool = False
    decided_by: str = "per_s"
    operation: str = "message"
    unit: str = "msg/s"


@dataclass(frozen=True)
class IdleWorkload:
    """A kind of server whose memory is looked at before and after so many connections have been made, which then do nothing."""

    name: str
    summary: str
    server: str
    connections: int
    operation: str = "connection"
    decided_by: str = "memory_bytes"
    unit: str = "B"
    size: int = 1
    reply_bytes: int = 1
    transport: str = "tcp"
    form: str = "bytes"
    needs: tuple[str, ...] = ()
    has_limit: bool = False


Workload = CoreWorkload | NetWorkload | IdleWorkload


def search_path(workload: Workload) -> list[str]:
    """Where its process finds modules."""
    if getattr(workload, "beside", None) is None:
        return sys.path
    return [str(_ROOT / "target" / f"{workload.beside}-py{sys.version_info[0]}.{sys.version_info[1]}"), *sys.path]


def missing(workload: Workload) -> list[str]:
    """What it needs and cannot import."""
    return [name for name in workload.needs if PathFinder.find_spec(name, search_path(workload)) is None]


def core(name: str, operation: str, *, form: str = "coroutine", group: str = "core", summary: str = "", **options):
    """Decorator: the function is the body of the workload "GROUP.NAME"; its docstring is the summary, if none is given."""

    def register(body):
        said = summary or " ".join(body.__doc__.split())
        if form == "memory":
            options.update(decided_by="memory_bytes", unit="B")
        _core.append(CoreWorkload(f"{group}.{name}", said, operation, form, body, **options))
        return body

    return register


def core_of(module: str) -> list[CoreWorkload]:
    """The core workloads whose bodies this module has, in its order."""
    return [workload for workload in _core if workload.body.__module__ == module]


async def nothing() -> None:
    """A coroutine that finishes in its first step."""


def nothing_callback() -> None:
    """A callback."""
