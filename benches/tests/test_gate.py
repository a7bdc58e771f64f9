"""What the gate says about figures that somebody chose."""

import json

import pytest

from benches import gate
from benches.gate import Verdict
from benches.tests.made_up import document
from benches.thresholds import THRESHOLDS, Threshold
from benches.workloads import WORKLOADS

ROW = "core.call_soon.chain"


def verdict(threshold, rows, **options):
    return gate.judge(threshold, document({threshold.workload: rows}, **options)).verdict


@pytest.mark.parametrize("rate, expected", [(199.4, Verdict.MISSED), (199.6, Verdict.REACHED), (500.0, Verdict.REACHED)])
def test_a_ratio_is_judged_as_it_is_printed(rate, expected):
    assert verdict(Threshold(ROW, 2.0), {"uvloop": [100.0], "ferrio": [rate]}) is expected


def test_newer_versions_may_have_their_own_number():
    threshold = Threshold(ROW, 2.0, number_314=3.0)
    rows = {"uvloop": [100.0], "ferrio": [250.0]}
    assert verdict(threshold, rows, version="3.13.9") is Verdict.REACHED
    assert verdict(threshold, rows, version="3.14.0") is Verdict.MISSED
    assert verdict(threshold, rows, version="3.15.0rc1") is Verdict.MISSED


def test_the_best_other_loop_must_be_reached_as_far_as_one_can_tell():
    rows = {"uvloop": [100.0] * 3, "ferrio": [280.0, 290.0, 300.0], "other": [310.0, 320.0, 330.0], "third": [100.0] * 3}
    assert verdict(Threshold(ROW, 2.0), rows) is Verdict.NOT_FIRST
    assert verdict(Threshold(ROW, 2.0, beats_peers=False), rows) is Verdict.REACHED
    rows["other"][0] = 295.0
    assert verdict(Threshold(ROW, 2.0), rows) is Verdict.REACHED


def test_our_own_other_forms_and_the_limits_are_no_rivals():
    rows = {"uvloop": [100.0], "ferrio": [250.0], "ferrio+install": [900.0], "limit": [900.0], "limit+callback": [900.0]}
    assert verdict(Threshold(ROW, 2.0), rows) is Verdict.REACHED


def test_costs_must_be_at_most_the_number():
    def memory(size):
        return [{"memory_bytes": size}]

    threshold = Threshold("net.memory.idle_protocol.x5000", 860, figure="memory_bytes", beats_peers=False)
    assert verdict(threshold, {"uvloop": memory(3000.0), "ferrio": memory(860.0)}) is Verdict.REACHED
    assert verdict(threshold, {"uvloop": memory(3000.0), "ferrio": memory(861.0)}) is Verdict.MISSED

    def served(cpu_ns):
        return [{"per_s": 1.0, "server_cpu_ns": cpu_ns}]

    threshold = Threshold("net.tcp.protocol_echo.1KiB.x10", 1.05, figure="cpu_of_limit", beats_peers=False)
    assert verdict(threshold, {"ferrio": served(105.0), "limit+callback": served(100.0)}) is Verdict.REACHED
    assert verdict(threshold, {"ferrio": served(106.0), "limit+callback": served(100.0)}) is Verdict.MISSED
    assert verdict(threshold, {"ferrio": served(106.0)}) is Verdict.NO_FIGURES


def test_the_best_loop_is_found_though_the_baseline_failed():
    rows = {"uvloop": [{"error": "no"}], "asyncio": [80.0], "other": [100.0], "ferrio": [149.0]}
    threshold = Threshold(ROW, 1.5, figure="of_best", beats_peers=False)
    assert verdict(threshold, rows) is Verdict.MISSED
    assert verdict(threshold, {**rows, "ferrio": [150.0]}) is Verdict.REACHED


def test_rows_below_the_baseline_are_told_whether_wanted_or_not():
    rows = {
        "core.a": {"uvloop": [100.0, 100.0], "ferrio": [90.0, 95.0]},
        "core.b": {"uvloop": [100.0, 100.0], "ferrio": [80.0, 105.0]},
        "core.c": {"uvloop": [100.0, 100.0], "ferrio": [101.0, 102.0], "asyncio": [50.0, 50.0]},
    }
    found = [(name, loop, every) for name, loop, _, every in gate.below_baseline(document(rows))]
    assert found == [("core.a", "ferrio", True), ("core.b", "ferrio", False)]


def test_the_whole_report(tmp_path, capsys):
    """Every row at its number: all is well. One row less, and it is not."""
    slow = {"per_s": 1.0, "memory_bytes": 1e5, "lateness_p99_ns": 1e9}
    fast = {"per_s": 99.0, "memory_bytes": 100.0, "lateness_p99_ns": 1e5}
    rows = {}
    for threshold in THRESHOLDS:
        # A server's time where that is compared, a client's elsewhere.
        slow_cpu, fast_cpu = {"cpu_ns": 100.0}, {"cpu_ns": 1.0}
        if threshold.workload.startswith("net."):
            slow_cpu = fast_cpu = {"server_cpu_ns": 1.0}
        loops = rows.setdefault(threshold.workload, {"uvloop": [slow | slow_cpu], "limit+callback": [{"server_cpu_ns": 1.0}]})
        loops[threshold.loop] = [fast | fast_cpu]
    path = tmp_path / "results.json"
    path.write_text(json.dumps(document(rows)))
    assert gate.main([str(path)]) == 0
    said = capsys.readouterr().out
    assert f"reached: {len(THRESHOLDS)}" in said and "MISSED" not in said
    del rows[ROW]
    path.write_text(json.dumps(document(rows, rounds=2)))
    assert gate.main([str(path)]) == 1
    said = capsys.readouterr().out
    assert "no figures: 1\n" in said and ROW in said and "NOTE  2 rounds" in said


def test_every_row_of_the_table_is_a_workload():
    import sys

    unknown = [threshold.workload for threshold in THRESHOLDS if threshold.workload not in WORKLOADS]
    assert unknown == ([] if sys.version_info >= (3, 12) else ["core.gather.eager.x1000"])
    pairs = [(threshold.workload, threshold.loop, threshold.figure) for threshold in THRESHOLDS]
    assert len(pairs) == len(set(pairs))


@pytest.mark.parametrize("content", ['{"schema": 1}', "no JSON"])
def test_what_no_run_of_this_commit_has_written_is_refused(content, tmp_path, capsys):
    path = tmp_path / "results.json"
    path.write_text(content)
    with pytest.raises(SystemExit) as caught:
        gate.main([str(path)])
    assert caught.value.code == 2
    with pytest.raises(SystemExit):
        gate.main([str(tmp_path / "missing.json")])
