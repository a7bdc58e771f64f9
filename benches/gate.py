"""`python -m benches gate RESULTS.json`: which rows reach what is wanted, which miss, which are below the baseline.

For people, by hand, on figures that were taken on a quiet machine: never part of a test.
"""

import enum
from dataclasses import dataclass

from .loops import LIMITS, OURS
from .report import load_named
from .thresholds import MAY_MISS, THRESHOLDS, Threshold


class Verdict(enum.Enum):
    """What became of a row."""

    REACHED = "reached"
    MISSED = "MISSED"
    #: The number is reached, but another loop of the run is better beyond doubt.
    NOT_FIRST = "NOT FIRST"
    NO_FIGURES = "no figures"


@dataclass(frozen=True)
class Judged:
    """A threshold, its verdict, and the figure with what it was compared to."""

    threshold: Threshold
    verdict: Verdict
    text: str


def best_peer(loops: dict) -> tuple[str, dict] | None:
    """The other loop, asyncio and the baseline included, with the best median ratio in this row: its name and its spread."""
    spreads = {name: loop["ratio"] for name, loop in _others(loops).items() if loop["ratio"] is not None}
    if not spreads:
        return None
    name = max(spreads, key=lambda name: spreads[name]["median"])
    return name, spreads[name]


def best_other(loops: dict, baseline: str) -> tuple[str, dict] | None:
    """The same of those loops alone that are neither asyncio nor the baseline."""
    return best_peer({name: loop for name, loop in loops.items() if name not in ("asyncio", baseline)})


def _others(loops: dict) -> dict[str, dict]:
    return {name: loop for name, loop in loops.items() if name not in (*OURS, *LIMITS)}


def judge(threshold: Threshold, document: dict) -> Judged:
    """One row of a results document."""
    wanted = threshold.wanted(version(document))
    loops = document["workloads"].get(threshold.workload, {}).get("loops", {})
    own = loops.get(threshold.loop)
    value, text = _value(threshold, own, _others(loops))
    if value is None:
        return Judged(threshold, Verdict.NO_FIGURES, "")
    sign = ">=" if threshold.at_least else "<="
    text += f", wanted {sign} {_figure(threshold, wanted)}"
    # As it is printed: 1.0999 is told as 1.10.
    reached = round(value, 2) >= wanted if threshold.at_least else round(value, 2) <= wanted
    if not reached:
        return Judged(threshold, Verdict.MISSED, text)
    peer = best_peer(loops)
    if threshold.beats_peers and peer and own["ratio"]["max"] < peer[1]["min"]:
        return Judged(threshold, Verdict.NOT_FIRST, f"{text}; {peer[0]} {_spread(peer[1])}")
    return Judged(threshold, Verdict.REACHED, text)


def _of_best(own: dict, others: dict[str, dict]) -> tuple[float | None, str]:
    """Rates, since the baseline may have none."""
    rates = {name: loop["median"]["per_s"] for name, loop in others.items() if "per_s" in loop["median"]}
    if "per_s" not in own["median"] or not rates:
        return None, ""
    best = max(rates, key=rates.get)
    value = own["median"]["per_s"] / rates[best]
    return value, f"{value:.2f} times {best}"


def _value(threshold: Threshold, own: dict | None, others: dict[str, dict]) -> tuple[float | None, str]:
    """The figure that is judged, and how it is told; None if it is not there."""
    if own is None:
        return None, ""
    if threshold.figure == "of_best":
        return _of_best(own, others)
    if threshold.figure in ("ratio", "cpu_ratio", "cpu_of_limit"):
        spread = own[threshold.figure]
        return (spread["median"], _spread(spread)) if spread else (None, "")
    value = own["median"].get(threshold.figure)
    return (None, "") if value is None else (value, _figure(threshold, value))


def _figure(threshold: Threshold, value: float) -> str:
    if threshold.figure == "memory_bytes":
        return f"{value:.0f} B"
    if threshold.figure == "lateness_p99_ns":
        return f"{value / 1e6:.3g} ms"
    return f"{value:.2f}"


def _spread(spread: dict) -> str:
    return f"{spread['median']:.2f} [{spread['min']:.2f}-{spread['max']:.2f}]"


def version(document: dict) -> tuple[int, ...]:
    """The interpreter's, as far as thresholds depend on it."""
    return tuple(int(part) for part in document["python"]["version"].split(".")[:2])


def below_baseline(document: dict) -> list[tuple[str, str, str, bool]]:
    """(workload, loop, ratio, whether all rounds were below) of every row of ours whose median is below the baseline's."""
    found = []
    for name, workload in document["workloads"].items():
        for loop in OURS:
            spread = workload["loops"].get(loop, {}).get("ratio")
            if spread and spread["median"] < 1 and loop != document["baseline"]:
                found.append((name, loop, _spread(spread), spread["max"] < 1))
    return found


def report(document: dict) -> tuple[str, bool]:
    """The whole answer, and whether all is well: at most MAY_MISS misses of each loop, no row below the baseline every time."""
    judged = [judge(threshold, document) for threshold in THRESHOLDS]
    below = below_baseline(document)
    lines = [*_verdicts(judged), *_below(below, document["baseline"])]
    well = not any(every_round for *_, every_round in below)
    for loop in OURS:
        own = [one for one in judged if one.threshold.loop == loop]
        misses = sum(one.verdict in (Verdict.MISSED, Verdict.NOT_FIRST) for one in own)
        unknown = sum(one.verdict is Verdict.NO_FIGURES for one in own)
        well = well and misses <= MAY_MISS and not unknown
        lines.append(f"{loop}: {misses} of {len(own)} miss (at most {MAY_MISS} may), {unknown} without figures")
    if document["settings"]["sample_s"] < 0.05:
        lines.append("NOTE  a quick run: its figures say nothing")
    if document["settings"]["rounds"] < 5:
        lines.append(f"NOTE  {document['settings']['rounds']} rounds: at least 5 are wanted")
    return "\n".join(lines), well


def _verdicts(judged: list[Judged]) -> list[str]:
    lines = []
    for verdict in Verdict:
        if rows := [one for one in judged if one.verdict is verdict]:
            lines.append(f"{verdict.value}: {len(rows)}")
            for row in rows:
                wanted = row.threshold
                lines.append(f"  {wanted.workload:42} {wanted.loop:15} {wanted.figure:15} {row.text}".rstrip())
            lines.append("")
    return lines


def _below(below: list[tuple[str, str, str, bool]], baseline: str) -> list[str]:
    lines = []
    for every_round, title in ((True, "every round"), (False, "the median, but not in every round")):
        rows = [row for row in below if row[3] is every_round]
        lines.append(f"below {baseline} in {title}: {len(rows)}")
        lines += [f"  {workload:42} {loop:15} {ratio}" for workload, loop, ratio, _ in rows]
    return [*lines, ""]


def main(argv: list[str]) -> int:
    """Exit status: 0 if all is well, 1 if not, 2 if there is nothing to judge."""
    text, well = report(load_named(argv, "gate", __doc__.partition("\n")[0]))
    print(text)
    return 0 if well else 1
