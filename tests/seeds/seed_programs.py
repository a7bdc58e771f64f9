"""Where the learners' programs are, and how they are run."""

import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def _folder():
    """$FERRIO_SEEDS; else the programs beside the checkout; else our copy of them."""
    if "FERRIO_SEEDS" in os.environ:
        return pathlib.Path(os.environ["FERRIO_SEEDS"])
    beside = ROOT.parent / "shared" / "seeds" / "programs"
    return beside if beside.is_dir() else HERE / "programs"


PROGRAMS = _folder()


def run(path, *options, launcher=("-m", "ferrio"), arguments=(), **environment):
    """Run a program by ``python -m ferrio`` with these options (or by another launcher)."""
    return subprocess.run(
        [sys.executable, *launcher, *options, str(path), *arguments],
        capture_output=True,
        text=True,
        timeout=120,  # seconds; only a hang takes so long
        env={**os.environ, **environment},
    )


def prints_ok(done):
    """Did the program end well?"""
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "OK"
