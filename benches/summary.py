"""From the figures of all rounds to medians and ratios. Plain functions of plain data."""

import statistics

#: Figures of which a median is taken, if the cell has them, and whether more is better.
FIGURES = {
    "per_s": True,
    "p50_ns": False,
    "p99_ns": False,
    "server_cpu_ns": False,
    "cpu_ns": False,
    "memory_bytes": False,
    "timer_p99_ns": False,
    "lateness_p99_ns": False,
    "callbacks_per_s": True,
}

#: What the server without a loop, but with one call into Python for each message, is called.
LIMIT = "limit+callback"


def ratios(entries: list[dict], baseline: list[dict], figure: str = "per_s") -> list[float]:
    """How much better than the baseline in the same round, for each round in which both have the figure.

    2.0: twice the rate, or half of what it costs.
    """
    base = {entry["round"]: entry[figure] for entry in baseline if figure in entry}
    pairs = [(entry[figure], base[entry["round"]]) for entry in entries if figure in entry and entry["round"] in base]
    if not FIGURES[figure]:
        pairs = [(theirs, own) for own, theirs in pairs]
    return [own / theirs for own, theirs in pairs if theirs > 0]


def spread(values: list[float]) -> dict | None:
    """Median, smallest and largest; None of nothing."""
    if not values:
        return None
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def medians(entries: list[dict]) -> dict[str, float]:
    """The median of each figure over the rounds that have it."""
    columns = {name: [entry[name] for entry in entries if name in entry] for name in FIGURES}
    return {name: statistics.median(values) for name, values in columns.items() if values}


def summarise(by_loop: dict[str, list[dict]], baseline: str, decided_by: str = "per_s") -> dict[str, dict]:
    """For each loop of one workload: "median" figures, "errors", a count, and spreads over the rounds (or None):

    * "ratio" to the baseline, of the figure that decides: 2 is twice as good
    * "cpu_ratio" to the baseline, of the process's own time for each operation or message: 2 is half the time
    * "cpu_of_limit", the server's time as a multiple of the limit server's: 1 is as good as it gets
    """
    base, limit = by_loop.get(baseline, []), by_loop.get(LIMIT, [])
    summary = {}
    for loop, entries in by_loop.items():
        cpu = "server_cpu_ns" if any("server_cpu_ns" in entry for entry in entries) else "cpu_ns"
        summary[loop] = {
            "median": medians(entries),
            "ratio": spread(ratios(entries, base, decided_by)),
            "cpu_ratio": spread(ratios(entries, base, cpu)),
            "cpu_of_limit": spread([1 / ratio for ratio in ratios(entries, limit, "server_cpu_ns") if ratio > 0]),
            "errors": sum("error" in entry for entry in entries),
        }
    return summary
