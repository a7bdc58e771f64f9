"""Runs of some workloads each become one document."""

import json

import pytest

from benches import gate, join
from benches.tests.made_up import document


def part(workload, rate, *, finished="2026-01-01", commit="0123456789abcdef", others=(), **options):
    rows = {workload: {"uvloop": [100.0], "ferrio": [rate], **dict.fromkeys(others, [120.0])}}
    return {
        **document(rows, **options),
        "finished": finished,
        "git": {"commit": commit},
        "loops": {"uvloop": {}, "ferrio": {}},
        "left_out": {},
        "load_averages": [1.0],
        "interrupted": False,
    }


def test_all_rows_are_there_and_say_where_they_come_from():
    first = part("core.call_soon.chain", 500.0, commit="a", finished="2026-01-02")
    second = part("core.timer.fire", 80.0, commit="b")
    joined = join.join([first, second])
    assert list(joined["workloads"]) == ["core.call_soon.chain", "core.timer.fire"]
    assert [(one["git"]["commit"], one["workloads"]) for one in joined["parts"]] == [
        ("a", ["core.call_soon.chain"]),
        ("b", ["core.timer.fire"]),
    ]
    assert joined["git"] == {"commit": "a"}
    assert [row for row, *_ in gate.below_baseline(joined)] == ["core.timer.fire"]


@pytest.mark.parametrize(
    "other",
    [
        part("core.timer.fire", 100.0, version="3.14.0"),
        {**part("core.timer.fire", 100.0), "settings": {"sample_s": 0.05, "rounds": 5}},
        part("core.timer.fire", 100.0, baseline="asyncio"),
        part("core.call_soon.chain", 100.0),
        part("core.call_soon.chain", 100.0, finished="2026-01-02", commit="b"),
    ],
    ids=["interpreter", "settings", "baseline", "same run", "same workload of another commit"],
)
def test_what_does_not_belong_together_is_refused(other):
    with pytest.raises(ValueError):
        join.join([part("core.call_soon.chain", 500.0), other])


def test_rounds_of_one_workload_are_all_kept():
    first = part("core.call_soon.chain", 500.0, others=["rloop"], rounds=1)
    second = part("core.call_soon.chain", 300.0, finished="2026-01-02", rounds=1)
    third = part("core.call_soon.chain", 200.0, finished="2026-01-03", rounds=7)
    joined = join.join([first, second, third])
    loops = joined["workloads"]["core.call_soon.chain"]["loops"]
    assert [(entry["round"], entry["per_s"]) for entry in loops["ferrio"]["rounds"]] == [(0, 500.0), (1, 300.0), (2, 200.0)]
    assert loops["ferrio"]["ratio"] == {"median": 3.0, "min": 2.0, "max": 5.0}
    assert loops["ferrio"]["median"]["per_s"] == 300.0
    # Of the first round only.
    assert loops["rloop"]["ratio"] == {"median": 1.2, "min": 1.2, "max": 1.2}
    assert joined["settings"]["rounds"] == 1


def test_the_command(tmp_path, capsys):
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for path, name in zip(paths, ("core.call_soon.chain", "core.timer.fire"), strict=True):
        path.write_text(json.dumps(part(name, 500.0)))
    output = tmp_path / "all.json"
    assert join.main([*map(str, paths), "--output", str(output)]) == 0
    assert len(json.loads(output.read_text())["workloads"]) == 2
    with pytest.raises(SystemExit):
        join.main([str(paths[0]), str(paths[0]), "--output", str(output)])
    assert "in more than one part" in capsys.readouterr().err
