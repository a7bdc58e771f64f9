"""Programs of real libraries, each run by ``python`` and by ``python -m ferrio``: both print the same lines and end with OK.

A program lives in ``programs/``, knows nothing of ferrio and tells through ``ran_on.tell()`` which loop it ran on, so that no
test passes on the wrong one. Servers it needs are fixtures of ``servers.py``.
"""

import functools
import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from servers import certificates, mariadb, postgres, redis_server  # noqa: E402, F401 (fixtures)
from servers import mortal_mariadb, mortal_postgres, mortal_redis  # noqa: E402, F401 (fixtures)

PROGRAMS = pathlib.Path(__file__).with_name("programs")
WATCHDOG_SECONDS = int(os.environ.get("FERRIO_WATCHDOG_SECONDS", "300"))  # only a hang takes so long
LOOPS = {"asyncio": ((), {}, "asyncio.unix_events"), "ferrio": (("-m", "ferrio"), {}, "ferrio")}
HANDED_ON = {
    "asyncio": {"LOOP_FACTORY": "asyncio:new_event_loop", "LOOP_POLICY": "asyncio:DefaultEventLoopPolicy"},
    "ferrio": {"LOOP_FACTORY": "ferrio:new_event_loop", "LOOP_POLICY": "ferrio:EventLoopPolicy"},
}


@pytest.fixture
def on_both(tmp_path):
    """``on_both("aiohttp_chunked.py", *args)``: run the program on each loop, compare, and return what it printed."""
    return functools.partial(_compare, tmp_path, LOOPS)


@pytest.fixture
def also_with_legacy(tmp_path):
    """The same on asyncio, on ferrio, and on ferrio with what old programs need."""
    return functools.partial(_compare, tmp_path, {**LOOPS, "legacy": (("-m", "ferrio", "--legacy"), {}, "ferrio")})


@pytest.fixture(params=LOOPS)
def on_one(request, tmp_path):
    """The same on one loop, for programs whose outputs say nothing to each other."""
    return functools.partial(_output, tmp_path, request.param, LOOPS[request.param])


@pytest.fixture
def handed_both(tmp_path):
    """The same for a program that hands on what ``ran_on`` gives it, a factory or a policy; ferrio is not installed."""
    ways = {loop: ((), variables, LOOPS[loop][-1]) for loop, variables in HANDED_ON.items()}
    return functools.partial(_compare, tmp_path, ways)


def _compare(directory, ways, program, *args, **environment):
    stock, *ours = (_output(directory, loop, way, program, *args, **environment) for loop, way in ways.items())
    for output in ours:
        assert output == stock
    assert stock.splitlines()[-1] == "OK"
    return stock


def _output(directory, loop, way, program, *args, **environment):
    flags, variables, loop_module = way
    told, work = directory / f"{loop}.ran-on", directory / loop
    work.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, *flags, str(PROGRAMS / program), *map(str, args)],
        capture_output=True,
        text=True,
        cwd=work,
        timeout=WATCHDOG_SECONDS,
        env={**os.environ, "RAN_ON": str(told), **variables, **environment},
    )
    assert done.returncode == 0, f"on {loop}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert done.stderr == "", f"on {loop}"
    assert set(told.read_text().split()) == {loop_module}
    return done.stdout
