"""Programs of real libraries, each run by ``python`` and by ``python -m ferrio``: both print the same lines and end with OK.

A program lives in ``programs/``, knows nothing of ferrio and tells through ``ran_on.tell()`` which loop it ran on, so that no
test passes on the wrong one. Servers it needs are fixtures of ``servers.py``.
"""

import os
import pathlib
import subprocess
import sys

import pytest

sys.path.append(str(pathlib.Path(__file__).parent))
from servers import mariadb, postgres, redis_server  # noqa: E402, F401

PROGRAMS = pathlib.Path(__file__).with_name("programs")
WATCHDOG_SECONDS = int(os.environ.get("FERRIO_WATCHDOG_SECONDS", "300"))  # only a hang takes so long
LOOPS = {"asyncio": ((), "asyncio.unix_events"), "ferrio": (("-m", "ferrio"), "ferrio")}


@pytest.fixture
def on_both(tmp_path):
    """``on_both("aiohttp_chunked.py", *args)``: run the program on each loop, compare, and return what it printed."""

    def on_both(program, *args, **environment):
        stock, ours = (_output(tmp_path, loop, program, args, environment) for loop in LOOPS)
        assert ours == stock
        assert stock.splitlines()[-1] == "OK"
        return stock

    return on_both


def _output(directory, loop, program, args, environment):
    flags, loop_module = LOOPS[loop]
    told, work = directory / f"{loop}.ran-on", directory / loop
    work.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, *flags, str(PROGRAMS / program), *map(str, args)],
        capture_output=True,
        text=True,
        cwd=work,
        timeout=WATCHDOG_SECONDS,
        env={**os.environ, "RAN_ON": str(told), **environment},
    )
    assert done.returncode == 0, f"on {loop}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert done.stderr == "", f"on {loop}"
    assert set(told.read_text().split()) == {loop_module}
    return done.stdout
