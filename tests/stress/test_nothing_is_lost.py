"""Under load no byte, descriptor, task or child process is lost: on stock asyncio and on ferrio, as
they are and in both kinds of debug mode.

The programs in `programs/` each keep books and print what they have counted; anything on stderr is
a failure. FERRIO_STRESS_SHARE (default 1) shortens every count: CI runs a hundredth, a person the
whole. FERRIO_ONLY_STOCK=1 leaves ferrio out.
"""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import warnings

import pytest

PROGRAMS = pathlib.Path(__file__).with_name("programs")
SHARE = float(os.environ.get("FERRIO_STRESS_SHARE", "1"))
ONLY_STOCK = os.environ.get("FERRIO_ONLY_STOCK") == "1"

# asyncio asks for its own child watcher with this warning switched off, which of several threads one undoes for another.
QUIET = ["-W", "ignore:'get_child_watcher' is deprecated:DeprecationWarning"]

# Interpreter flags and environment.
MODES = {"plain": ([], {}), "dev": (["-X", "dev", *QUIET], {}), "debug": ([], {"PYTHONASYNCIODEBUG": "1"})}


#: Operations of programs/cancelled.py after which stock asyncio has something left.
STOCK_LEAVES = {
    "create_server": "a server that listens for as long as the loop lives",
    "create_connection_staggered": "the winner's socket, until it is collected",
    "sock_accept": "a reader that accepts once more and sets the result of the cancelled future",
}


def _operations():
    spec = importlib.util.spec_from_file_location("cancelled", PROGRAMS / "cancelled.py")
    cancelled = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(PROGRAMS))
    try:
        spec.loader.exec_module(cancelled)
    finally:
        sys.path.remove(str(PROGRAMS))
    return list(cancelled.OPERATIONS)


@pytest.fixture(params=["asyncio"] if ONLY_STOCK else ["asyncio", "ferrio"])
def module(request):
    return request.param


@pytest.fixture(params=MODES)
def stress(module, request):
    """Run a program of `programs/` on the module under test; what it printed."""

    def stress(program, *args):
        flags, environment = MODES[request.param]
        done = subprocess.run(
            [sys.executable, *flags, PROGRAMS / f"{program}.py", module, *map(str, args)],
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
        )
        assert done.returncode == 0, done.stderr[-20_000:]
        assert done.stderr == ""
        return json.loads(done.stdout)

    return stress


def share(count, least):
    """A full run's count, shortened as the run is."""
    return max(least, int(count * SHARE))


def test_20000_connections_at_once(stress):
    count = share(20_000, 100)
    open_at_once = stress("connections", count)
    if open_at_once < count:
        warnings.warn(f"{open_at_once} connections, not {count}: the hard limit of RLIMIT_NOFILE")
    assert open_at_once >= min(count, 900)


def test_2000_children_in_a_row(stress):
    assert stress("children", "row", share(2000, 20))


def test_200_children_at_once(stress):
    assert stress("children", "at_once", share(200, 20))


def test_children_of_loops_in_four_threads(stress):
    assert stress("children", "threads", share(2000, 20))


def test_accepting_without_descriptors(stress):
    """Served in batches with a second between them."""
    assert stress("full_table", share(400, 60)) >= 1


@pytest.mark.parametrize("kind", ["tcp", "unix", "tls"])
def test_a_gigabyte_to_a_slow_reader(stress, kind):
    stress("slow_reader", kind, share(1000, 20))


@pytest.mark.parametrize("operation", _operations())
def test_cancelled_at_every_point(stress, module, operation):
    """Always in full: it is a few milliseconds for each point."""
    if module == "asyncio" and operation in STOCK_LEAVES:
        pytest.skip(f"stock asyncio leaves {STOCK_LEAVES[operation]}")
    points = stress("cancelled", operation)
    assert points["turns"] >= 1
