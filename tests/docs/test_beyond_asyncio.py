"""Every program of the page on what asyncio does not have prints what the page says."""

import subprocess
import sys

import pytest
from pages import DOCS, programs

PAGE = DOCS / "beyond-asyncio.md"
PROGRAMS = programs(PAGE)
WATCHDOG_SECONDS = 120  # only a hang takes so long


def test_no_program_is_overlooked():
    assert len(PROGRAMS) == PAGE.read_text().count("```python") == 3


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.id)
def test_it_prints(program):
    command = [sys.executable, "-c", program.code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WATCHDOG_SECONDS)
    assert (done.stdout, done.stderr) == (program.printed, "")
