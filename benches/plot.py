"""`python -m benches plot RESULTS.json`: the pictures for people who do not read tables, as PNG and SVG.

Each chart has some workloads, and for each the bars of ferrio, of the best other loop and of asyncio: how many times as good as
the baseline, on a logarithmic scale, with the range of the rounds.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

from .gate import best_other
from .loops import OURS
from .report import load, number

#: Chart, title, and its rows: workload and label.
CHARTS = {
    "loop": ("The loop itself", {
        "core.call_soon.chain": "call_soon, one after another",
        "core.call_soon.batch": "call_soon, many at once",
        "core.timer.fire": "timers that fire",
        "core.timer.cancel": "timers, cancelled",
        "core.task.create_await": "create_task and await",
        "core.task.cancel": "cancel a task",
        "core.future.ping_pong": "two tasks, futures between them",
        "core.threadsafe.burst": "call_soon_threadsafe, many",
        "core.executor.round_trip": "run_in_executor",
        "core.run_until_complete": "run_until_complete",
        "core.startup.run": "asyncio.run",
    }),
    "asyncio": ("What programs call", {
        "core.sleep0.x2": "sleep(0), 2 tasks",
        "core.sleep0.x100": "sleep(0), 100 tasks",
        "core.gather.x1000": "gather of 1000",
        "core.wait.x1000": "wait for 1000",
        "core.as_completed.x1000": "as_completed of 1000",
        "core.task_group.x1000": "TaskGroup of 1000",
        "core.timeout.enter_exit": "timeout()",
        "core.wait_for": "wait_for",
        "core.queue.hand_off": "Queue, hand to hand",
        "core.queue.producer_consumers": "Queue, 10 consumers",
        "core.lock.contended": "Lock, contended",
        "core.semaphore": "Semaphore",
        "core.event.ping_pong": "Event",
        "core.condition.ping_pong": "Condition",
    }),
    "network": ("Servers, messages per second", {
        "net.tcp.protocol_echo.1KiB.x10": "TCP, Protocol, 1 KiB",
        "net.tcp.protocol_echo.100KiB.x10": "TCP, Protocol, 100 KiB",
        "net.tcp.buffered_echo.1KiB.x10": "TCP, BufferedProtocol, 1 KiB",
        "net.tcp.streams_echo.1KiB.x10": "TCP, streams, 1 KiB",
        "net.tcp.streams_echo.100KiB.x10": "TCP, streams, 100 KiB",
        "net.tcp.readline.pipelined10.x10": "readline, 10 ahead",
        "net.tcp.sock_echo.1KiB.x10": "sock_recv, sock_sendall, 1 KiB",
        "net.tls.streams_echo.10KiB.x10": "TLS, streams, 10 KiB",
        "net.unix.protocol_echo.1KiB.x10": "unix socket, 1 KiB",
        "net.udp.echo.1KiB.x10": "UDP, 1 KiB",
        "net.tcp.churn.1KiB.x10": "a connection for each message",
        "net.tcp.bulk_receive.streams.1MiB.x10": "1 MiB in, streams",
        "net.tcp.bulk_send.protocol.1MiB.x10": "1 MiB out, Protocol",
        "net.tcp.small_writes.x10": "100 small writes",
    }),
    "applications": ("Programs", {
        "app.aiohttp.server.x10": "aiohttp, server",
        "app.aiohttp.client.x10": "aiohttp, client",
        "app.uvicorn.server.x10": "uvicorn",
        "app.redis.x50": "redis-py, 50 connections",
        "app.aiomysql.x50": "aiomysql, 50 connections",
        "app.spawn": "start a process",
        "app.communicate": "a process, 64 KiB there and back",
        "app.getaddrinfo.numeric": "getaddrinfo of a number",
        "app.getaddrinfo.localhost": "getaddrinfo of localhost",
        "net.memory.idle_protocol.x5000": "memory of an idle connection",
    }),
}  # fmt: skip

#: The bars of a row, from above, and their colours; told apart without colours too.
COLOURS = {"ferrio+install": "#a63d00", "ferrio": "#e8803a", "best other": "#5b7f9e", "asyncio": "#b9b9b9"}
BAR_INCHES, GAP_INCHES = 0.17, 0.22


@dataclass(frozen=True)
class Bar:
    """One bar: whose, how many times as good (median, smallest, largest), and the text at its end."""

    series: str
    median: float
    smallest: float
    largest: float
    text: str


@dataclass(frozen=True)
class Row:
    """A workload's bars."""

    label: str
    bars: tuple[Bar, ...]


def rows(document: dict, labels: dict[str, str]) -> list[Row]:
    """The rows of a chart; workloads without a ratio of ours are left out."""
    made = []
    for workload, label in labels.items():
        loops = document["workloads"].get(workload, {}).get("loops", {})
        shown = {name: loops[name] for name in (*OURS, "asyncio") if name in loops and name != document["baseline"]}
        bars = {name: _bar(name, name, loop) for name, loop in shown.items() if loop["ratio"]}
        if not any(name in bars for name in OURS):
            continue
        peer = best_other(loops, document["baseline"])
        if peer:
            bars["best other"] = _bar("best other", peer[0], loops[peer[0]])
        made.append(Row(label, tuple(bars[name] for name in COLOURS if name in bars)))
    return made


def _bar(series: str, name: str, loop: dict) -> Bar:
    ratio = loop["ratio"]
    text = f"{ratio['median']:.2f}×" if ratio["median"] < 9.995 else f"{number(ratio['median'])}×"
    if series == "best other":
        text += f" {name}"
    return Bar(series, ratio["median"], ratio["min"], ratio["max"], text)


def foot(document: dict) -> str:
    """Where and how it was measured."""
    machine, settings = document["machine"], document["settings"]
    commit = (document["git"]["commit"] or "unknown")[:10]
    return (
        f"CPython {document['python']['version']}, {machine['cpu_model']}, Linux {machine['kernel']}, commit {commit}, "
        f"{settings['rounds']} rounds: median, line from smallest to largest"
    )


def draw(title: str, chart: list[Row], document: dict, paths: list[Path]) -> None:
    """One chart, to each of the files; the ending says the format."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    style = {"font.family": "DejaVu Sans", "font.size": 10, "svg.hashsalt": "ferrio", "svg.fonttype": "path"}
    with matplotlib.rc_context(style):
        row_inches = GAP_INCHES + BAR_INCHES * max(len(row.bars) for row in chart)
        share = BAR_INCHES / row_inches
        figure, axes = pyplot.subplots(figsize=(9, 1.5 + row_inches * len(chart)), layout="constrained")
        for at, row in enumerate(chart):
            first = at - share * (len(row.bars) - 1) / 2
            for place, bar in enumerate(row.bars):
                _draw_bar(axes, first + share * place, share * 0.88, bar)
        axes.set_xscale("log")
        ends = [end for row in chart for bar in row.bars for end in (bar.smallest, bar.largest, 1.0)]
        # Room for the texts at the bars' ends.
        axes.set_xlim(min(ends) / 1.15, max(ends) * 1.9)
        axes.axvline(1, color="black", linewidth=1)
        ticks = [tick for tick in (0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 50, 100) if min(ends) / 1.15 <= tick <= max(ends) * 1.9]
        axes.set_xticks(ticks, [f"{tick:g}×" for tick in ticks])
        axes.minorticks_off()
        axes.grid(axis="x", color="#e4e4e4")
        axes.set_axisbelow(True)
        axes.set_yticks(range(len(chart)), [row.label for row in chart])
        axes.set_ylim(len(chart) - 0.45, -0.55)
        axes.tick_params(left=False)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.set_title(f"{title}: times {document['baseline']} (more is better)", loc="left", fontweight="bold")
        present = {bar.series for row in chart for bar in row.bars}
        handles = [pyplot.Rectangle((0, 0), 1, 1, color=COLOURS[name]) for name in COLOURS if name in present]
        names = [name for name in COLOURS if name in present]
        axes.legend(handles, names, loc="upper left", bbox_to_anchor=(0, -0.65 / len(chart)), ncols=len(names), frameon=False)
        figure.supxlabel(foot(document), fontsize=7, color="#606060")
        for path in paths:
            figure.savefig(path, dpi=160, metadata={"Date": None} if path.suffix == ".svg" else None)
        pyplot.close(figure)


def _draw_bar(axes, y: float, height: float, bar: Bar) -> None:
    """From 1 to the ratio; the range of the rounds as a thin line; the text behind both."""
    axes.barh(y, bar.median - 1, left=1, height=height, color=COLOURS[bar.series])
    axes.plot([bar.smallest, bar.largest], [y, y], color="#303030", linewidth=0.8)
    weight = "bold" if bar.series in OURS else "normal"
    axes.text(max(bar.largest, bar.median, 1) * 1.03, y, bar.text, va="center", fontsize=7.5, fontweight=weight)


def main(argv: list[str]) -> int:
    """Exit status: 0; 1 if the drawing library is missing or there is nothing to draw."""
    parser = argparse.ArgumentParser(prog="python -m benches plot", description=__doc__.partition("\n")[0])
    parser.add_argument("results", type=Path, help="a JSON document that a run has written")
    parser.add_argument("--directory", type=Path, help="where pictures go; default: beside the results")
    arguments = parser.parse_args(argv)
    try:
        document = load(arguments.results)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    directory = arguments.directory or arguments.results.parent
    drawn = 0
    for name, (title, labels) in CHARTS.items():
        if not (chart := rows(document, labels)):
            continue
        paths = [directory / f"{arguments.results.stem}-{name}.{kind}" for kind in ("svg", "png")]
        try:
            draw(title, chart, document, paths)
        except ImportError:
            print("drawing needs matplotlib: pip install -r requirements/plot.txt")
            return 1
        drawn += 1
        print("\n".join(f"written: {path}" for path in paths))
    if not drawn:
        print(f"no ratio of {' or '.join(OURS)} to {document['baseline']} in any chart's rows")
        return 1
    return 0
