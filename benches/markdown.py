"""`python -m benches markdown RESULTS.json`: every row as a Markdown table, for docs/performance.md."""

from .gate import Verdict, best_other, judge
from .loops import OURS
from .report import load_named, number
from .thresholds import THRESHOLDS

#: Groups of rows, by the beginning of their names.
GROUPS = {
    "core.": "The loop, tasks, and what programs call",
    "net.": "Servers",
    "app.": "Programs",
}


def table(document: dict) -> str:
    """All groups. A row: how many times as good as the baseline ours, asyncio and the best other loop are, and what is wanted."""
    blocks = []
    for prefix, title in GROUPS.items():
        names = [name for name in document["workloads"] if name.startswith(prefix)]
        if names:
            lines = [_line(title, *OURS, "asyncio", "best other loop", "wanted"), "|---|---|---|---|---|---|"]
            blocks.append("\n".join(lines + [_row(name, document) for name in names]))
    return "\n\n".join(blocks)


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _row(name: str, document: dict) -> str:
    workload = document["workloads"][name]
    loops = workload["loops"]
    peer = best_other(loops, document["baseline"])
    best = f"{_spread(peer[1])} {peer[0]}" if peer else ""
    cells = [_cell(loops.get(loop), workload["decided_by"]) for loop in (*OURS, "asyncio")]
    return _line(f"`{name}`", *cells, best, _wanted(name, document))


def _cell(loop: dict | None, decided_by: str) -> str:
    """The ratio and its range; where less is better, the figure as well."""
    if loop is None or not loop["ratio"]:
        return "error" if loop and loop["errors"] else ""
    text = _spread(loop["ratio"])
    if decided_by.endswith("_bytes"):
        text += f", {number(loop['median'][decided_by])} B"
    elif decided_by.endswith("_ns"):
        text += f", {number(loop['median'][decided_by] / 1e3)} µs"
    return text


def _spread(spread: dict) -> str:
    low, median, high = (number(spread[key]) for key in ("min", "median", "max"))
    return f"{median} [{low}–{high}]"


def _wanted(name: str, document: dict) -> str:
    """What `gate` says, of each threshold of this row that has something to say."""
    signs = {Verdict.REACHED: "✓", Verdict.MISSED: "**missed**", Verdict.NOT_FIRST: "**not first**"}
    told = []
    for threshold in THRESHOLDS:
        judged = judge(threshold, document) if threshold.workload == name else None
        if judged and judged.verdict in signs:
            told.append(f"{_named(threshold)} {judged.text.rpartition('wanted ')[2].partition(';')[0]} {signs[judged.verdict]}")
    return "; ".join(told)


def _named(threshold) -> str:
    """Whose figure, and which one where it is not the ratio."""
    figures = {"cpu_of_limit": " processor time of the limit's", "cpu_ratio": " processor time", "of_best": " of the best other"}
    return threshold.loop + figures.get(threshold.figure, "")


def main(argv: list[str]) -> int:
    """Exit status: 0, or 2 if there is nothing to show."""
    print(table(load_named(argv, "markdown", __doc__.partition("\n")[0])))
    return 0
