"""Child processes: their environment, their end, their last words."""

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

#: Variables that would change what is measured.
_DISTORTING = (
    "PYTHONASYNCIODEBUG",
    "PYTHONDEVMODE",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONMALLOC",
    "PYTHONPROFILEIMPORTTIME",
    "PYTHONTRACEMALLOC",
)

#: The last characters of a log that go into a report.
_TAIL = 2000


class CellError(Exception):
    """A cell that has no figures, and why."""


class Hung(CellError):
    """It would not end. Once is enough: later rounds leave it out."""


def start(module: str, arguments: list, log: Path, **options) -> subprocess.Popen:
    """`python -m MODULE` from the checkout's root; both outputs go to the file."""
    return start_program([sys.executable, "-m", module, *arguments], log, **options)


def start_program(command: list, log: Path, **options) -> subprocess.Popen:
    """Any program, likewise."""
    environment = {name: value for name, value in os.environ.items() if name not in _DISTORTING}
    with log.open("wb") as output:
        return subprocess.Popen(
            [*map(str, command)],
            cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **options,
        )  # fmt: skip


def stop(process: subprocess.Popen) -> None:
    """End it: SIGTERM, and SIGKILL after 5 s."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def describe_end(process: subprocess.Popen) -> str:
    """How an ended process ended."""
    code = process.returncode
    return f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"


def tail(log: Path) -> str:
    """The end of what it wrote: equal lines in a row as one, and without the machine's paths."""
    lines = []
    for line, group in itertools.groupby(log.read_text(errors="replace").strip().splitlines()):
        count = sum(1 for _ in group)
        lines.append(line if count == 1 else f"{line} ({count} times)")
    return without_paths("\n".join(lines)[-_TAIL:])


def without_paths(text: str) -> str:
    """Absolute paths shortened to their last part."""
    return re.sub(r"(?<![\w./])/(?:[\w.+@~ -]+/)+", "", text)
