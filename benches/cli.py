"""The command line."""

import argparse
import dataclasses
import importlib
import json
import os
import sys
from pathlib import Path

from . import child, limits, loops, machine, report
from .report import number
from .rounds import Run
from .settings import BRIEF, QUICK, Settings
from .workloads import WORKLOADS, select
from .workloads.definition import CoreWorkload, NetWorkload

LIMIT_SAYS = {"rust": "without Python", "python": "with one call into Python for each message"}


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m benches",
        description="Event loops side by side; each cell (workload x loop) in a fresh process.",
        epilog="python -m benches plot RESULTS.json draws, python -m benches gate RESULTS.json judges what a run has written, "
        "python -m benches join PART.json… makes one document of several, python -m benches markdown RESULTS.json the table of a page.",
    )
    made.add_argument("--list", action="store_true", help="show workloads and loops, run nothing")
    made.add_argument("--workloads", metavar="GLOB,…", type=_words, default=["*"], help="e.g. core, gate, 'sleep0*,net.tcp.*.x1'")
    made.add_argument(
        "--loops", metavar="NAME,…", type=_words,
        help="of the registered ones, or NAME=MODULE:FACTORY[+MODULE:INSTALL]; default: all that are installed",
    )  # fmt: skip
    made.add_argument("--rounds", type=_positive, help=f"default {Settings.rounds}")
    made.add_argument("--quick", action="store_true", help="one short round: does everything work?")
    made.add_argument("--brief", action="store_true", help="cells of a third of the time")
    made.add_argument("--cold", action="store_true", help="measure processes that have done nothing before")
    made.add_argument("--baseline", metavar="NAME", default="uvloop", help="the loop that ratios compare with")
    made.add_argument("--no-pin", action="store_true", help="leave the choice of processors to the kernel")
    made.add_argument("--output", metavar="FILE", type=Path, help="default benches/results/bench-PYTHON-DATE.json")
    made.add_argument("--no-save", action="store_true", help="write no file")
    made.add_argument("--loadgen", metavar="FILE", type=Path, help="the load generator's program")
    return made


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _positive(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value


def main(argv: list[str] | None = None) -> int:
    """Exit status: 0; 1 if a cell has no figures; 2 for a command line that makes no sense; 130 after Ctrl-C."""
    argv = sys.argv[1:] if argv is None else argv
    if argv and argv[0] in ("plot", "gate", "join", "markdown"):
        # Drawing needs a library that measuring does not.
        return importlib.import_module(f".{argv[0]}", __package__).main(argv[1:])
    arguments_parser = parser()
    arguments = arguments_parser.parse_args(argv)
    if arguments.list:
        show_list()
        return 0
    try:
        workloads = select(arguments.workloads)
        chosen, left_out = choose_loops(arguments.loops)
    except ValueError as error:
        arguments_parser.error(str(error))
    loadgen = arguments.loadgen or limits.loadgen()
    if any(isinstance(w, NetWorkload) for w in workloads) and not (loadgen and loadgen.exists()):
        arguments_parser.error("net workloads need the load generator: cargo build --release -p ferrio-loadgen")
    if arguments.output and not arguments.output.absolute().parent.is_dir():
        arguments_parser.error(f"--output {arguments.output}: there is no such directory")

    run = Run(workloads, chosen, settings(arguments), loadgen, left_out)
    git = machine.git()
    run.run(tell)
    print(f"\n{report.table(run, arguments.baseline)}")
    if not arguments.no_save:
        save(report.document(run, arguments.baseline, git), arguments.output)
    if run.interrupted:
        return 130
    return 1 if run.errors() else 0


def choose_loops(names: list[str] | None) -> tuple[list[loops.LoopSpec], dict[str, str]]:
    """The loops with these names, or all; and which are left out because they are not installed, with the reason.

    Raises ValueError if a name is unknown or comes twice, or nothing is left.
    """
    specs = [loops.LoopSpec.parse(name) for name in (names or loops.DEFAULT)]
    chosen, left_out = [], {}
    for spec in specs:
        if any(spec.name == other.name for other in chosen):
            raise ValueError(f"loop {spec.name!r} is named twice")
        if spec.is_installed():
            chosen.append(spec)
        else:
            left_out[spec.name] = spec.why_not_installed()
            print(f"skipped: {spec.name} ({left_out[spec.name]})", file=sys.stderr)
    if not chosen:
        raise ValueError("no loop is left")
    return chosen, left_out


def settings(arguments: argparse.Namespace) -> Settings:
    """Rounds, times and pinning. Pinning needs two processors."""
    chosen = QUICK if arguments.quick else BRIEF if arguments.brief else Settings()
    pinned = not arguments.no_pin and len(os.sched_getaffinity(0)) >= 2
    return dataclasses.replace(chosen, rounds=arguments.rounds or chosen.rounds, pinned=pinned, cold=arguments.cold)


def tell(round_number: int, workload: str, loop: str, entry: dict) -> None:
    """One line of progress."""
    if "error" in entry:
        figure = f"ERROR {entry['error'].splitlines()[0]}"
    elif "memory_bytes" in entry:
        figure = f"{number(entry['memory_bytes'])} B"
    else:
        figure = f"{number(entry['per_s'])}/s"
    print(f"round {round_number + 1}  {workload:40} {loop:16} {figure}", file=sys.stderr, flush=True)


def save(document: dict, path: Path | None) -> None:
    """Write the document, and say where."""
    if path is None:
        directory = Path(__file__).parent / "results"
        directory.mkdir(exist_ok=True)
        path = report.default_path(directory)
    path.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n")
    inside = path.resolve().is_relative_to(child.ROOT)
    print(f"\nwritten: {path.resolve().relative_to(child.ROOT) if inside else path}")


def show_list() -> None:
    """Workloads and loops."""
    for name, workload in WORKLOADS.items():
        counted = f" Counts one {workload.operation}." if isinstance(workload, CoreWorkload) else ""
        print(f"{name:40} {workload.summary}{counted}")
    print()
    for spec in loops.REGISTRY.values():
        state = spec.version() or "" if spec.is_installed() else f"({spec.why_not_installed()})"
        if spec.limit:
            print(f"{spec.name:40} a server without a loop, {LIMIT_SAYS[spec.limit]}  {state}".rstrip())
            continue
        print(f"{spec.name:40} {spec.factory}{' after ' + spec.install if spec.install else ''}  {state}".rstrip())
