"""A results document with figures that somebody chose."""

from benches import report
from benches.summary import summarise
from benches.workloads import WORKLOADS

#: A row with everybody: ours, asyncio, the baseline, and two other loops.
CHAIN = {
    "uvloop": [100.0, 100.0],
    "asyncio": [50.0, 60.0],
    "ferrio": [400.0, 500.0],
    "ferrio+install": [1200.0, 1200.0],
    "slow": [110.0, 110.0],
    "fast": [300.0, 320.0],
}


def document(rows, version="3.13.1", rounds=5, baseline="uvloop"):
    """`rows[workload][loop]` is a list of rates, or of whole entries, one for each round."""
    workloads = {}
    for workload, loops in rows.items():
        by_loop = {
            loop: [
                {"round": number, **(figures if isinstance(figures, dict) else {"per_s": figures})}
                for number, figures in enumerate(entries)
            ]
            for loop, entries in loops.items()
        }
        decided_by = WORKLOADS[workload].decided_by if workload in WORKLOADS else "per_s"
        summaries = summarise(by_loop, baseline, decided_by)
        workloads[workload] = {
            "decided_by": decided_by,
            "loops": {loop: {**summaries[loop], "rounds": entries} for loop, entries in by_loop.items()},
        }
    return {
        "schema": report.SCHEMA,
        "python": {"version": version},
        "baseline": baseline,
        "settings": {"sample_s": 0.15, "rounds": rounds},
        "machine": {"cpu_model": "Processor", "kernel": "6.1"},
        "git": {"commit": "0123456789abcdef"},
        "workloads": workloads,
    }
