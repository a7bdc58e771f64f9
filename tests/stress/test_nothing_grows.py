"""Memory, objects and descriptors are flat however often a thing is done, on stock asyncio and on
ferrio.

FERRIO_STRESS_SHARE (default 1) shortens every count: CI runs a hundredth, a person the whole.
FERRIO_ONLY_STOCK=1 leaves ferrio out.
"""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import pytest

SOAK = pathlib.Path(__file__).with_name("soak.py")
SHARE = float(os.environ.get("FERRIO_STRESS_SHARE", "1"))
ONLY_STOCK = os.environ.get("FERRIO_ONLY_STOCK") == "1"

# Between the second sample and the last. A leak of one object of 64 bytes per turn is 4 MiB in 3/5
# of 100,000 turns.
RSS_KIB = 3072
OBJECTS = 100


def _workloads():
    spec = importlib.util.spec_from_file_location("soak", SOAK)
    soak = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(soak)
    return {name: count for name, (_, count) in soak.WORKLOADS.items()}


COUNTS = _workloads()


# What is done with functions of asyncio that are native while ferrio is installed.
NATIVE = ["task_steps", "cancelled_tasks", "gathers", "waits", "cancelled_gathers_and_waits"]
NATIVE += ["timeouts", "groups", "shields"]
NATIVE += ["queues_and_locks", "events_and_conditions", "cancelled_waiters", "abandoned_waiters"]


def _rows():
    for name in COUNTS:
        yield "asyncio", name
        if not ONLY_STOCK:
            yield "ferrio", name
            if name in NATIVE:
                yield "ferrio+install", name


@pytest.mark.parametrize(("module", "name"), list(_rows()))
def test_flat(module, name):
    count = max(50, int(COUNTS[name] * SHARE))
    done = subprocess.run(
        [sys.executable, str(SOAK), module, name, str(count)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    samples = json.loads(done.stdout)
    early, late = samples[1], samples[-1]
    assert late["fds"] == early["fds"], samples
    assert late["objects"] <= early["objects"] + OBJECTS, samples
    assert late["rss_kib"] <= early["rss_kib"] + RSS_KIB, samples
