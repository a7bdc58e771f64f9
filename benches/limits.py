"""What is built for the benchmarks: the load generator, and the servers that the loops are compared with."""

import os
import sys
from pathlib import Path

from .child import ROOT


def loadgen() -> Path | None:
    """The load generator's program: `cargo build --release -p ferrio-loadgen`."""
    return _built(ROOT / "target", "ferrio-loadgen")


def program() -> Path | None:
    """The server without Python; built with the load generator."""
    return _built(ROOT / "target", "ferrio-limit")


def extension() -> Path | None:
    """The server with one call into Python for each message, for this interpreter: `cargo build -p ferrio-limit-python`."""
    version = "{}.{}".format(*sys.version_info)
    return _built(ROOT / "target" / f"limit-py{version}", "lib_ferrio_limit.so")


def _built(target: Path, name: str) -> Path | None:
    """The release build. Tests, which take no figures, take another profile's, which CI has just built."""
    profiles = [*os.environ.get("FERRIO_BENCH_PROFILE", "").split(), "release"]
    return next((path for profile in profiles if (path := target / profile / name).exists()), None)
