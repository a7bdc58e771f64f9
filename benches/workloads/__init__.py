"""All workloads, by name: "core.…" run inside one process, "net.…" are a server under load from another, "app.…" are either."""

from fnmatch import fnmatchcase

from ..thresholds import THRESHOLDS
from . import apps, callbacks, futures, gather, startup, sync, tasks, threads, timeouts, timers
from .definition import Workload, core_of
from .net import NET, SERVED_APPS

#: In the order of the table.
_MODULES = (callbacks, tasks, futures, gather, sync, timers, timeouts, threads, startup)
_CORE = [workload for module in _MODULES for workload in core_of(module.__name__)]
_APPS = [*SERVED_APPS, *core_of(apps.__name__)]

WORKLOADS: dict[str, Workload] = {workload.name: workload for workload in (*_CORE, *NET, *_APPS)}


def select(globs: list[str]) -> list[Workload]:
    """The workloads that match any of the shell globs, each once, in the order of the table.

    A glob is matched against the name and against the name without its group ("core.", "net." or "app."); a group alone
    selects all of it, and "gate" the rows that `benches.gate` has thresholds for. Raises ValueError for a glob that matches
    nothing.
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
    if glob == "gate":
        return any(threshold.workload == name for threshold in THRESHOLDS)
    return fnmatchcase(name, glob) or fnmatchcase(rest, glob) or group == glob
