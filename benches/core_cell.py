"""One core cell, seen from outside: start its process, wait, take the figures."""

import json
import subprocess
from pathlib import Path

from . import child
from .child import CellError
from .loops import LoopSpec
from .settings import Settings
from .workloads.definition import CoreWorkload


def run(workload: CoreWorkload, loop: LoopSpec, settings: Settings, cpus: list[int], directory: Path) -> dict:
    """The cell's figures, as `timing.measure` gives them. Raises CellError."""
    result, log = directory / "figures.json", directory / "cell.log"
    result.unlink(missing_ok=True)
    arguments = ["--workload", workload.name, "--loop", loop, "--result", result]
    arguments += ["--samples", settings.samples, "--sample-s", settings.sample_s]
    if settings.pinned and not workload.concurrent:
        arguments += ["--cpu", cpus[0]]
    process = child.start("benches.cell", arguments, log)
    try:
        process.wait(settings.core_cell_limit_s)
    except subprocess.TimeoutExpired:
        child.stop(process)
        raise CellError(f"not finished after {settings.core_cell_limit_s:g} s\n{child.tail(log)}".strip()) from None
    finally:
        child.stop(process)
    if process.returncode or not result.exists():
        raise CellError(f"the process {child.describe_end(process)}\n{child.tail(log)}".strip())
    figures = json.loads(result.read_text())
    if said := child.tail(log):
        figures["log"] = said
    return figures
