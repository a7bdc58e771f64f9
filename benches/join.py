"""`python -m benches join PART.json… --output FILE`: one results document from runs of some of the workloads each.

A run of every workload on every loop takes four hours. Ratios compare loops of one round, minutes apart, so workloads may be
measured on different days: what must be the same is the machine, the interpreter, the baseline and the settings. Where a workload
is in several parts it has the rounds of all of them, so nobody can choose; those parts must be of one commit.
"""

import argparse
from pathlib import Path

from .cli import save
from .report import load
from .summary import summarise
from .workloads import WORKLOADS

#: What must be equal in all parts.
SAME = ("schema", "machine", "python", "baseline")


def join(documents: list[dict]) -> dict:
    """The document of all parts, in the order of the table; "parts" says which workloads came from which commit and when.

    Raises ValueError where the parts are not of one kind, or have a workload in common and are of two commits or one run.
    """
    for key in SAME:
        if any(document[key] != documents[0][key] for document in documents):
            raise ValueError(_differ(key))
    settings = [{**document["settings"], "rounds": None} for document in documents]
    if any(one != settings[0] for one in settings):
        raise ValueError(_differ("settings"))
    workloads = {name: _pooled(name, _those_with(name, documents)) for name in _names(documents)}
    latest = max(documents, key=lambda document: document["finished"])
    return {
        **latest,
        "loops": {name: loop for document in documents for name, loop in document["loops"].items()},
        "left_out": {name: why for document in documents for name, why in document["left_out"].items()},
        "settings": {**settings[0], "rounds": min(document["settings"]["rounds"] for document in documents)},
        "load_averages": [load for document in documents for load in document["load_averages"]],
        "interrupted": any(document["interrupted"] for document in documents),
        "workloads": workloads,
        "parts": [
            {"finished": document["finished"], "git": document["git"], "workloads": list(document["workloads"])}
            for document in documents
        ],
    }


def _differ(key: str) -> str:
    return f"the parts differ in {key}: what they say cannot stand in one table"


def _names(documents: list[dict]) -> list[str]:
    order = {name: place for place, name in enumerate(WORKLOADS)}
    names = dict.fromkeys(name for document in documents for name in document["workloads"])
    return sorted(names, key=lambda name: order.get(name, len(order)))


def _those_with(workload: str, documents: list[dict]) -> list[dict]:
    parts = [document for document in documents if workload in document["workloads"]]
    is_one_commit = all(part["git"] == parts[0]["git"] for part in parts)
    if not is_one_commit or len({part["finished"] for part in parts}) < len(parts):
        raise ValueError(f"in more than one part, and not as runs of one commit: {workload}")
    return parts


def _pooled(workload: str, parts: list[dict]) -> dict:
    """The workload with the rounds of all parts, numbered through."""
    rows = [part["workloads"][workload] for part in parts]
    if len(rows) == 1:
        return rows[0]
    by_loop: dict[str, list[dict]] = {}
    first = 0
    for part, row in zip(parts, rows, strict=True):
        for loop, summary in row["loops"].items():
            by_loop.setdefault(loop, []).extend(
                {**entry, "round": first + entry["round"]} for entry in summary["rounds"]
            )
        first += part["settings"]["rounds"]
    summaries = summarise(by_loop, parts[0]["baseline"], rows[0]["decided_by"])
    return {**rows[0], "loops": {loop: {**summaries[loop], "rounds": entries} for loop, entries in by_loop.items()}}


def main(argv: list[str]) -> int:
    """Exit status: 0, or 2 if the parts do not belong together."""
    parser = argparse.ArgumentParser(prog="python -m benches join", description=__doc__.partition("\n")[0])
    parser.add_argument("parts", type=Path, nargs="+", help="JSON documents that runs have written")
    parser.add_argument("--output", type=Path, help="default benches/results/bench-PYTHON-DATE.json")
    arguments = parser.parse_args(argv)
    try:
        document = join([load(path) for path in arguments.parts])
    except (OSError, ValueError) as error:
        parser.error(str(error))
    save(document, arguments.output)
    return 0
