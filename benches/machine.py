"""Where the figures come from: processor, kernel, interpreter, commit. Nothing that names the machine."""

import importlib.metadata
import os
import platform
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

from .child import ROOT


def describe() -> dict:
    """Processor and kernel."""
    return {
        "cpu_model": _cpu_model(),
        "cpus": os.cpu_count(),
        "cpus_usable": len(os.sched_getaffinity(0)),
        "architecture": platform.machine(),
        "system": platform.system(),
        "kernel": platform.release(),
        "libc": " ".join(platform.libc_ver()).strip(),
    }


def _cpu_model() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return model[1] if model else platform.processor()


def busy_load() -> float:
    """A load average above this means that others use the machine too: a run has at most two busy processes."""
    return min(2, len(os.sched_getaffinity(0))) + 0.5


def python() -> dict:
    """The interpreter, and how it was built: "optimized" and "lto" are None where it does not tell.

    Distributions compile twice and leave the options of the profiled build out of what sysconfig knows.
    """
    options = sysconfig.get_config_var("CONFIG_ARGS") or ""
    told = "'--prefix=/usr'" not in options
    return {
        "implementation": platform.python_implementation(),
        "version": platform.python_version(),
        "compiler": platform.python_compiler(),
        "optimized": "--enable-optimizations" in options if told else None,
        "lto": "--with-lto" in options if told else None,
        "shared": bool(sysconfig.get_config_var("Py_ENABLE_SHARED")),
        "debug": bool(sysconfig.get_config_var("Py_DEBUG")),
        "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
    }


def libraries() -> dict:
    """The versions of what workloads use, None where it is not installed."""
    return {name: _version(name) for name in ("aiohttp", "uvicorn", "httptools", "redis", "aiomysql")}


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def git() -> dict:
    """The checkout's commit, and whether it has changes other than benchmark results; None if it is not a checkout."""
    commit = _git("rev-parse", "HEAD")
    status = _git("status", "--porcelain", "--", ".", ":!benches/results")
    return {"commit": commit or None, "dirty": None if status is None else bool(status)}


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
