"""Which cell runs when: in each round every workload, on every loop, in an order that changes from round to round."""

import os
import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from . import core_cell, idle_cell, net_cell
from .child import CellError, Hung
from .loops import LoopSpec
from .peers import Peers
from .settings import Settings
from .workloads.definition import CoreWorkload, IdleWorkload, Workload

Cells = dict[str, dict[str, list[dict]]]


def order(workload: str, loops: list[LoopSpec], round_number: int) -> list[LoopSpec]:
    """The loops in this round's order: shuffled once for each workload, then rotated by one in each round.

    So after as many rounds as there are loops, each has had each place once.
    """
    shuffled = list(loops)
    random.Random(workload).shuffle(shuffled)
    first = round_number % len(shuffled)
    return shuffled[first:] + shuffled[:first]


@dataclass
class Run:
    """All cells of a run: `cells[workload][loop]` has one entry for each round, in order.

    An entry has "round" and "place" (both from 0), and either figures (see `core_cell.run`, `net_cell.run`) or "error".
    """

    workloads: list[Workload]
    loops: list[LoopSpec]
    settings: Settings
    loadgen: Path | None
    #: Loops that were asked for, or are in the registry, and why they do not take part.
    left_out: dict[str, str] = field(default_factory=dict)
    cells: Cells = field(default_factory=dict)
    #: The load average of one minute, before each round.
    load_averages: list[float] = field(default_factory=list)
    interrupted: bool = False

    def __post_init__(self):
        self.cells = {w.name: {loop.name: [] for loop in self.loops_for(w)} for w in self.workloads}

    def loops_for(self, workload: Workload) -> list[LoopSpec]:
        """Those that take part: the servers without a loop only where they do the same."""
        has_limit = not isinstance(workload, CoreWorkload) and workload.has_limit
        return [loop for loop in self.loops if has_limit or not loop.limit]

    def run(self, tell: Callable[[int, str, str, dict], None]) -> None:
        """Run every cell; call `tell(round, workload, loop, entry)` after each. Ctrl-C ends it early."""
        cpus = sorted(os.sched_getaffinity(0))
        with tempfile.TemporaryDirectory(prefix="ferrio-bench-") as directory:
            peers = Peers(Path(directory), cpus[1] if self.settings.pinned else None)
            try:
                for number in range(self.settings.rounds):
                    self.load_averages.append(round(os.getloadavg()[0], 2))
                    for workload in self.workloads:
                        for place, loop in enumerate(order(workload.name, self.loops_for(workload), number)):
                            entry = {"round": number, "place": place}
                            entry |= self._cell(workload, loop, cpus, peers, Path(directory))
                            self.cells[workload.name][loop.name].append(entry)
                            tell(number, workload.name, loop.name, entry)
            except KeyboardInterrupt:
                self.interrupted = True
            finally:
                peers.close()

    def _cell(self, workload, loop, cpus, peers, directory) -> dict:
        hung = next((entry for entry in self.cells[workload.name][loop.name] if "hung" in entry), None)
        if hung:
            return {"error": f"not run again: hung in round {hung['round'] + 1}"}
        try:
            if isinstance(workload, CoreWorkload):
                return core_cell.run(workload, loop, self.settings, cpus, peers, directory)
            if isinstance(workload, IdleWorkload):
                return idle_cell.run(workload, loop, self.settings, cpus, directory)
            return net_cell.run(workload, loop, self.settings, cpus, self.loadgen, directory)
        except Hung as error:
            return {"error": str(error), "hung": True}
        except CellError as error:
            return {"error": str(error)}

    def errors(self) -> list[tuple[str, str, dict]]:
        """(workload, loop, entry) of every cell that has no figures."""
        return self._entries_with("error")

    def logs(self) -> list[tuple[str, str, dict]]:
        """(workload, loop, entry) of every cell that has figures, but whose process wrote something."""
        return self._entries_with("log")

    def _entries_with(self, key: str) -> list[tuple[str, str, dict]]:
        return [
            (workload, loop, entry)
            for workload, by_loop in self.cells.items()
            for loop, entries in by_loop.items()
            for entry in entries
            if key in entry
        ]
