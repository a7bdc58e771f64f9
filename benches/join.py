"""`python -m benches join PART.json… --output FILE`: one results document from runs of some of the workloads each.

A run of every workload on every loop takes four hours. Ratios compare loops of one round, minutes apart, so workloads may be
measured on different days: what must be the same is the machine, the interpreter, the baseline and the settings.
"""

import argparse
from pathlib import Path

from .cli import save
from .report import load
from .workloads import WORKLOADS

#: What must be equal in all parts.
SAME = ("schema", "machine", "python", "baseline", "settings")


def join(documents: list[dict]) -> dict:
    """The document of all parts, in the order of the table; "parts" says which workloads came from which commit and when.

    Raises ValueError where the parts are not of one kind, or have a workload in common.
    """
    for key in SAME:
        if any(document[key] != documents[0][key] for document in documents):
            raise ValueError(f"the parts differ in {key}: what they say cannot stand in one table")
    workloads: dict[str, dict] = {}
    for document in documents:
        if twice := sorted(workloads.keys() & document["workloads"].keys()):
            raise ValueError(f"in more than one part: {', '.join(twice)}")
        workloads |= document["workloads"]
    order = {name: place for place, name in enumerate(WORKLOADS)}
    workloads = dict(sorted(workloads.items(), key=lambda item: order.get(item[0], len(order))))
    latest = max(documents, key=lambda document: document["finished"])
    return {
        **latest,
        "loops": {name: loop for document in documents for name, loop in document["loops"].items()},
        "left_out": {name: why for document in documents for name, why in document["left_out"].items()},
        "load_averages": [load for document in documents for load in document["load_averages"]],
        "interrupted": any(document["interrupted"] for document in documents),
        "workloads": workloads,
        "parts": [
            {"finished": document["finished"], "git": document["git"], "workloads": list(document["workloads"])}
            for document in documents
        ],
    }


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
