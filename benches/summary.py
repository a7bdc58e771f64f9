"""From the figures of all rounds to medians and ratios. Plain functions of plain data."""

import statistics

#: Figures of which a median is taken, if the cell has them.
FIGURES = ("per_s", "p50_ns", "p99_ns", "server_cpu_ns")


def ratios(entries: list[dict], baseline: list[dict]) -> list[float]:
    """Rate divided by the baseline's rate of the same round, for each round in which both have one. 2.0: twice as fast."""
    base = {entry["round"]: entry["per_s"] for entry in baseline if "per_s" in entry}
    return [entry["per_s"] / base[entry["round"]] for entry in entries if "per_s" in entry and entry["round"] in base]


def spread(values: list[float]) -> dict | None:
    """Median, smallest and largest; None of nothing."""
    if not values:
        return None
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def medians(entries: list[dict]) -> dict[str, float]:
    """The median of each figure over the rounds that have it."""
    columns = {name: [entry[name] for entry in entries if name in entry] for name in FIGURES}
    return {name: statistics.median(values) for name, values in columns.items() if values}


def summarise(by_loop: dict[str, list[dict]], baseline: str) -> dict[str, dict]:
    """For each loop of one workload: "median" figures, "ratio" of rates to the baseline (or None), and "errors", a count."""
    base = by_loop.get(baseline, [])
    return {
        loop: {
            "median": medians(entries),
            "ratio": spread(ratios(entries, base)),
            "errors": sum("error" in entry for entry in entries),
        }
        for loop, entries in by_loop.items()
    }
