"""One cell of memory: what connections that do nothing cost their server's process."""

import contextlib
import resource
from pathlib import Path

from . import child, first_connection, net_cell
from .child import CellError
from .loops import LoopSpec
from .memory import anonymous_bytes
from .settings import Settings
from .workloads.definition import IdleWorkload

#: Connections that have come and gone before: what is allocated once is not the idle ones'.
_BEFORE = 20


def run(workload: IdleWorkload, loop: LoopSpec, settings: Settings, cpus: list[int], directory: Path) -> dict:
    """Bytes of private memory for each connection. Raises CellError."""
    count = min(workload.connections, settings.most_idle)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if most < count + 100:
        raise CellError(f"needs {count + 100} open files: raise `ulimit -n`, which is {most}")
    log = directory / "server.log"
    with net_cell.server(workload, loop, settings, cpus, directory, log) as (process, address):
        try:
            if not settings.cold:
                for _ in range(_BEFORE):
                    first_connection.make(address, workload, directory)
            before = anonymous_bytes(process.pid)
            with contextlib.ExitStack() as stack:
                for _ in range(count):
                    connection = stack.enter_context(first_connection.connect(address, workload, directory))
                    first_connection.talk(connection, workload)
                after = anonymous_bytes(process.pid)
        except (CellError, OSError) as error:
            raise CellError(net_cell.with_server(str(error), process, log)) from None
        figures = {"memory_bytes": (after - before) / count, "connections": count}
        if said := child.tail(log):
            figures["log"] = said
        return figures
