"""The table that people read, and the document that programs read."""

import argparse
import datetime
import json
from dataclasses import asdict
from pathlib import Path

from . import machine
from .loops import LoopSpec
from .rounds import Run
from .summary import LIMIT, summarise
from .workloads.definition import CoreWorkload, NetWorkload

SCHEMA = 2


def number(value: float) -> str:
    """Three digits that count, with k, M or G: 1.23M, 456k, 78.9."""
    for factor, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= 0.9995 * factor:
            return _three_digits(value / factor) + letter
    return _three_digits(value)


def _three_digits(value: float) -> str:
    return f"{value:.{0 if value >= 99.95 else 1 if value >= 9.995 else 2}f}"


def cell(summary: dict, with_ratio: bool, decided_by: str = "per_s") -> str:
    """The median of the figure that decides (times in us), and the ratio with its range."""
    median, ratio = summary["median"].get(decided_by), summary["ratio"]
    if median is None:
        return "ERROR" if summary["errors"] else "-"
    text = _three_digits(median / 1e3) if decided_by.endswith("_ns") else number(median)
    if ratio and with_ratio:
        text += f"  {ratio['median']:.2f} [{ratio['min']:.2f}-{ratio['max']:.2f}]"
    return text + (f" {summary['errors']} ERROR" if summary["errors"] else "")


def net_cell(summary: dict) -> str:
    """Latencies and the server's processor time, in microseconds; the latter also as a multiple of the limit server's."""
    median, of_limit = summary["median"], summary["cpu_of_limit"]
    if "p50_ns" not in median:
        return "ERROR" if summary["errors"] else "-"
    text = " / ".join(_three_digits(median[name] / 1e3) for name in ("p50_ns", "p99_ns", "server_cpu_ns"))
    return text + (f" = {of_limit['median']:.2f}" if of_limit else "")


def client_cell(summary: dict) -> str:
    """The process's own time for an operation, in microseconds, and the ratio."""
    cpu, ratio = summary["median"].get("cpu_ns"), summary["cpu_ratio"]
    if cpu is None:
        return "ERROR" if summary["errors"] else "-"
    return _three_digits(cpu / 1e3) + (f"  {ratio['median']:.2f}" if ratio else "")


def grid(title: str, head: list[str], rows: list[list[str]]) -> str:
    """Columns under one another."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = [title]
    for row in (head, *rows):
        lines.append("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    return "\n".join(lines)


def table(run: Run, baseline: str) -> str:
    """What is printed at the end."""
    summaries = {w.name: summarise(run.cells[w.name], baseline, w.decided_by) for w in run.workloads}
    names = [loop.name for loop in run.loops]

    def row(workload, *cells, told):
        by_loop = summaries[workload.name]
        return [workload.name, *cells, *(told(name, by_loop[name]) if name in by_loop else "" for name in names)]

    ratio = f"; ratio to {baseline}, more is better, median [smallest-largest] of the rounds" if baseline in names else ""
    rows = [
        row(w, _unit(w), told=lambda name, summary, by=w.decided_by: cell(summary, name != baseline, by))
        for w in run.workloads
    ]
    blocks = [grid(f"Median{ratio}", ["workload", "", *names], rows)]
    rows = [row(w, told=lambda _, summary: net_cell(summary)) for w in run.workloads if isinstance(w, NetWorkload)]
    if rows:
        title = f"Latency p50 / p99 / server's processor time per message, us = multiple of that of {LIMIT}"
        blocks.append(grid(title, ["workload", *names], rows))
    clients = [w for w in run.workloads if isinstance(w, CoreWorkload) and w.peer]
    rows = [row(w, told=lambda _, summary: client_cell(summary)) for w in clients]
    if rows:
        blocks.append(grid("Processor time per operation, us, and the ratio to the baseline", ["workload", *names], rows))
    return "\n\n".join([*blocks, *notes(run)])


def _unit(workload) -> str:
    return "us" if workload.decided_by.endswith("_ns") else workload.unit


def notes(run: Run) -> list[str]:
    """Everything that makes the figures worth less."""
    lines = [f"ERROR  {text}" for text in _grouped(run.errors(), "error")]
    lines += [f"NOTE  wrote: {text}" for text in _grouped(run.logs(), "log")]
    lines += [f"NOTE  without {name}: {reason}" for name, reason in run.left_out.items()]
    if run.interrupted:
        lines.append("NOTE  interrupted: not all rounds are there")
    if machine.python()["optimized"] is False:
        lines.append("NOTE  this CPython is built without --enable-optimizations, as few users' are: what it does itself takes longer")
    if run.load_averages and max(run.load_averages) > machine.busy_load():
        lines.append(f"NOTE  the machine was busy with something else, perhaps: load average {max(run.load_averages):.1f}")
    if run.settings.sample_s < 0.05:
        lines.append("NOTE  quick: shows that the workloads run; the figures say nothing")
    return lines


def _grouped(cells: list[tuple[str, str, dict]], key: str) -> list[str]:
    """What cells have under this key: in full from the first round of each workload on each loop, the others by number."""
    groups: dict[tuple[str, str], list[dict]] = {}
    for workload, loop, entry in cells:
        groups.setdefault((workload, loop), []).append(entry)
    texts = []
    for (workload, loop), entries in groups.items():
        rounds = ", ".join(str(entry["round"] + 1) for entry in entries)
        text = entries[0][key].replace("\n", "\n    ")
        texts.append(f"{workload} on {loop}, round {rounds}: {text}")
    return texts


def document(run: Run, baseline: str, git: dict) -> dict:
    """All of it, for JSON; `git` is the commit when the run began. Has no host name and no absolute paths.

    Times end in _s or _ns, rates in per_s, sizes in _bytes.
    """
    workloads = {}
    for workload in run.workloads:
        cells = run.cells[workload.name]
        summaries = summarise(cells, baseline, workload.decided_by)
        workloads[workload.name] = {
            "summary": workload.summary,
            "operation": workload.operation,
            "decided_by": workload.decided_by,
            "loops": {name: {**summaries[name], "rounds": entries} for name, entries in cells.items()},
        }
    return {
        "schema": SCHEMA,
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "git": git,
        "machine": machine.describe(),
        "python": machine.python(),
        "loops": {loop.name: _loop(loop) for loop in run.loops},
        "left_out": run.left_out,
        "libraries": machine.libraries(),
        "baseline": baseline,
        "settings": asdict(run.settings),
        "load_averages": run.load_averages,
        "interrupted": run.interrupted,
        "workloads": workloads,
    }


def _loop(loop: LoopSpec) -> dict:
    if loop.limit:
        return {"limit": loop.limit}
    return {"factory": loop.factory, "install": loop.install, "version": loop.version(), "build": loop.build()}


def load(path: Path) -> dict:
    """A document that a run has written. Raises ValueError for one of another form."""
    document = json.loads(path.read_text())
    if document.get("schema") != SCHEMA:
        raise ValueError(f"{path.name} has form {document.get('schema')}, not {SCHEMA}: another commit wrote it, and reads it")
    return document


def load_named(argv: list[str], command: str, about: str) -> dict:
    """The document that the command line names. One that names none, or no document, ends the program with status 2."""
    parser = argparse.ArgumentParser(prog=f"python -m benches {command}", description=about)
    parser.add_argument("results", type=Path, help="a JSON document that a run has written")
    path = parser.parse_args(argv).results
    try:
        return load(path)
    except (OSError, ValueError) as error:
        parser.error(str(error))


def default_path(directory: Path) -> Path:
    """bench-VERSION-DATE.json, with a number if that is taken."""
    stem = f"bench-{machine.python()['version']}-{datetime.datetime.now(datetime.UTC):%Y-%m-%d}"
    candidate, again = directory / f"{stem}.json", 2
    while candidate.exists():
        candidate, again = directory / f"{stem}-{again}.json", again + 1
    return candidate
