"""CPython's own asyncio tests against ferrio, held to expectation files.

usage: run.py [--only task|loop|all|stock ...] [--timeout SECONDS] [-v]

Runs with the interpreter that runs it. ``expect/<version>/<mode>.txt`` lists the tests that are known to fail, each with its
reason; any other failure fails the run, and so does a listed test that passes.

* task: every test of tasks and futures, with `ferrio.Task` and `ferrio.Future` in the stdlib's place.
* loop: the whole suite, with `ferrio.new_event_loop` wherever the suite makes a loop.
* all: the same, with every name of ferrio in the stdlib's place, `ferrio.run`, `ferrio.Task` and `ferrio.Future` too.
* stock: what `ferrio.install` puts in place (`ferrio._install.NATIVE`) on asyncio's own loop; only the files that are about it.
"""

import argparse
import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile

from ferrio._install import NATIVE

HERE = pathlib.Path(__file__).resolve().parent


def suite_is_there():
    try:
        return importlib.util.find_spec("test.test_asyncio") is not None
    except ImportError:
        return False


INSTALLED = [word for name in NATIVE for word in ("--replace", f"asyncio.{name}=ferrio:{name}")]

ABOUT_TASKS = ["test_eager_task_factory", "test_locks", "test_queues", "test_runners", "test_streams", "test_taskgroups"]
ABOUT_TASKS += ["test_tasks", "test_timeouts", "test_waitfor"]
if suite_is_there():
    ABOUT_TASKS = [name for name in ABOUT_TASKS if importlib.util.find_spec(f"test.test_asyncio.{name}")]

MODES = {
    "task": ["--task-class", "ferrio:Task", "--future-class", "ferrio:Future"],
    "loop": ["--loop", "ferrio:new_event_loop"],
    "all": ["--loop", "ferrio:new_event_loop", "--replace-from", "ferrio"],
    "stock": ["--loop", "asyncio:new_event_loop", *INSTALLED, "--files", ",".join(ABOUT_TASKS)],
}


def run(mode, timeout, verbose):
    """One mode of the suite; its exit status."""
    version = "{}.{}".format(*sys.version_info)
    known = HERE / "expect" / version / f"{mode}.txt"
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, HERE / "cpython_suite.py", *MODES[mode]]
        command += ["--timeout", str(timeout), "--out", f"{folder}/{mode}.json"]
        command += ["--known-failures", known] if known.exists() else []
        command += ["-v"] if verbose else []
        print(f"-- {mode}", flush=True)
        return subprocess.run(command, cwd=folder).returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=MODES, nargs="+", default=list(MODES))
    parser.add_argument("--timeout", type=float, default=60, help="seconds after which a test counts as hung")
    parser.add_argument("-v", action="store_true", help="list every test that did not pass")
    arguments = parser.parse_args()
    if not suite_is_there():
        print("SKIPPED: this interpreter comes without test.test_asyncio (Debian: apt-get install libpython3-testsuite)")
        return int(os.environ.get("CI") == "true")
    return max(run(mode, arguments.timeout, arguments.v) for mode in arguments.only)


if __name__ == "__main__":
    sys.exit(main())
