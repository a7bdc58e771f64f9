"""`python -m benches` runs, and says so when something does not."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benches import limits
from benches.loops import NOT_INSTALLABLE, LoopSpec
from benches.workloads import WORKLOADS, select

ROOT = Path(__file__).resolve().parents[2]
CORE, NET = "core.call_soon.chain", "net.tcp.protocol_echo.1KiB.x1"


def run_benches(*arguments):
    command = [sys.executable, "-m", "benches", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def assert_anonymous(text):
    """No absolute path in the document."""
    assert not re.search(r"(?<![\w.:/])/[\w.-]+/", text)


def test_quick_run(tmp_path):
    pytest.importorskip("ferrio")
    workloads = [CORE, NET if limits.loadgen() else "core.sleep0.x2"]
    output = tmp_path / "figures.json"
    done = run_benches(
        "--quick", "--workloads", ",".join(workloads), "--loops", "asyncio,ferrio", "--baseline", "asyncio", "--output", output
    )
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(output.read_text())
    assert_anonymous(output.read_text())
    parts = {"schema", "finished", "git", "machine", "python", "loops", "left_out", "libraries", "baseline", "settings"}
    assert parts <= document.keys()
    assert list(document["workloads"]) == workloads
    for name, workload in document["workloads"].items():
        assert name in done.stdout
        asyncio, ferrio = workload["loops"]["asyncio"], workload["loops"]["ferrio"]
        assert asyncio["ratio"]["median"] == 1.0
        assert ferrio["median"]["per_s"] == ferrio["rounds"][0]["per_s"] > 0
        assert ferrio["ratio"]["median"] == pytest.approx(ferrio["median"]["per_s"] / asyncio["median"]["per_s"])


@pytest.mark.parametrize("workload", [CORE, pytest.param(NET, marks=pytest.mark.skipif(
    not limits.loadgen(), reason="needs cargo build -p ferrio-loadgen"))])  # fmt: skip
def test_a_loop_that_fails_is_an_error_cell(tmp_path, workload):
    output = tmp_path / "figures.json"
    done = run_benches(
        "--quick", "--workloads", workload, "--loops", "asyncio,broken=asyncio:AbstractEventLoop", "--output", output
    )
    assert done.returncode == 1
    assert f"ERROR  {workload} on broken, round 1" in done.stdout
    text = output.read_text()
    assert_anonymous(text)
    loops = json.loads(text)["workloads"][workload]["loops"]
    assert "NotImplementedError" in loops["broken"]["rounds"][0]["error"]
    assert loops["asyncio"]["errors"] == 0


def test_a_loop_that_is_not_installed_is_skipped_with_a_line():
    done = run_benches("--quick", "--no-save", "--workloads", CORE, "--loops", "asyncio,missing=no_such_module:loop")
    assert done.returncode == 0
    assert "skipped: missing (no_such_module is not installed)" in done.stderr
    assert "NOTE  without missing: no_such_module is not installed" in done.stdout


def test_why_a_loop_could_not_be_installed_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    spec = LoopSpec.parse("missing=no_such_module:loop")
    assert spec.why_not_installed() == "no_such_module is not installed"
    (tmp_path / NOT_INSTALLABLE).write_text("other 1: no\nno_such_module ==2: no wheel\n")
    assert spec.why_not_installed() == "==2: no wheel"


@pytest.mark.parametrize("arguments", [["--workloads", "nonsense"], ["--loops", "nonsense"], ["--rounds", "0"]])
def test_nonsense_is_refused(arguments):
    assert run_benches(*arguments, "--no-save").returncode == 2


def test_the_list_names_every_workload():
    done = run_benches("--list")
    assert done.returncode == 0
    assert all(name in done.stdout for name in WORKLOADS)


def test_globs():
    names = [workload.name for workload in select(["core"])]
    assert names and all(name.startswith("core.") for name in names)
    assert [w.name for w in select(["sleep0.x2", "core.sleep0.x2"])] == ["core.sleep0.x2"]
    assert {w.name.partition(".")[0] for w in select(["gate"])} == {"core", "net", "app"}


def test_loop_definitions_read_back():
    spec = LoopSpec.parse("mine=a.b:factory+c:install")
    assert (spec.name, spec.factory, spec.install) == ("mine", "a.b:factory", "c:install")
    assert LoopSpec.parse(str(spec)) == spec
    assert LoopSpec.parse("ferrio+install").install == "ferrio:install"
    assert LoopSpec.parse(str(LoopSpec.parse("limit+callback"))).limit == "python"
