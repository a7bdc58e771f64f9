"""What a workload is."""

from collections.abc import Callable
from dataclasses import dataclass

_core: list["CoreWorkload"] = []


@dataclass(frozen=True)
class CoreWorkload:
    """A body that a process repeats for a while.

    * form "coroutine": ``await body(iterations)`` in a running loop
    * form "loop": ``body(loop, iterations)`` with a loop that does not run
    * form "spec": ``body(spec, factory, iterations)``, which makes its own loops

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
    unix: bool = False
    #: Whether each message has its own connection.
    churn: bool = False
    operation: str = "message"
    unit: str = "msg/s"


def core(name: str, operation: str, *, form: str = "coroutine", operations: int = 1, concurrent: bool = False):
    """Decorator: the function is the body of the workload "core.NAME"; its docstring is the summary."""

    def register(body):
        summary = " ".join(body.__doc__.split())
        _core.append(CoreWorkload(f"core.{name}", summary, operation, form, body, operations, concurrent))
        return body

    return register


def core_of(module: str) -> list[CoreWorkload]:
    """The core workloads whose bodies this module has, in its order."""
    return [workload for workload in _core if workload.body.__module__ == module]


async def nothing() -> None:
    """A coroutine that finishes in its first step."""


def nothing_callback() -> None:
    """A callback."""
