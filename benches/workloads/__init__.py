"""All workloads, by name: "core.…" run inside one process, "net.…" are a server under load from another process."""

from fnmatch import fnmatchcase

from . import callbacks, futures, gather, startup, sync, tasks, threads, timeouts, timers
from .definition import CoreWorkload, NetWorkload, core_of
from .net import NET

#: In the order of the table.
_MODULES = (callbacks, tasks, futures, gather, sync, timers, timeouts, threads, startup)
_CORE = [workload for module in _MODULES for workload in core_of(module.__name__)]

WORKLOADS: dict[str, CoreWorkload | NetWorkload] = {workload.name: workload for workload in (*_CORE, *NET)}


def select(globs: list[str]) -> list[CoreWorkload | NetWorkload]:
    """The workloads that match any of the shell globs, each once, in the order of the table.

    A glob is matched against the name and against the name without its group ("core." or "net."); a group alone selects
    all of it. Raises ValueError for a glob that matches nothing.
    """
    chosen = set()
    for glob in globs:
        matching = {name for name in WORKLOADS if _matches(name, glob)}
        if not matching:
            raise ValueError(f"no workload matches {glob!r}: --list shows them")
        chosen |= matching
    return [workload for name, workload in WORKLOADS.items() if name in chosen]


def _matches(name: str, glob: str) -> bool:
    group, _, rest = name.partition(".")
    return fnmatchcase(name, glob) or fnmatchcase(rest, glob) or group == glob
