"""The charts show what the figures say."""

import json
from xml.etree import ElementTree

import pytest

from benches import plot
from benches.tests.made_up import CHAIN, document
from benches.workloads import WORKLOADS

ROWS = {
    "core.call_soon.chain": CHAIN,
    "core.call_soon.batch": {"uvloop": [100.0, 100.0], "fast": [300.0, 300.0]},
    "core.gather.x1000": {"uvloop": [100.0], "ferrio": [70.0]},
}


def test_bars_of_a_row():
    (row,) = plot.rows(document(ROWS), plot.CHARTS["loop"][1])
    assert row.label == "call_soon, one after another"
    assert [(bar.series, bar.text) for bar in row.bars] == [
        ("ferrio+install", "12.0×"),
        ("ferrio", "4.50×"),
        ("best other", "3.10× fast"),
        ("asyncio", "0.55×"),
    ]
    assert (row.bars[1].smallest, row.bars[1].largest) == (4.0, 5.0)


def test_every_row_is_a_workload():
    names = [name for _, labels in plot.CHARTS.values() for name in labels]
    assert [name for name in names if name not in WORKLOADS] == []
    assert len(names) == len(set(names))


def test_nothing_to_draw(tmp_path, capsys):
    path = tmp_path / "results.json"
    path.write_text(json.dumps(document({"core.call_soon.batch": ROWS["core.call_soon.batch"]})))
    assert plot.main([str(path)]) == 1
    assert "no ratio of ferrio" in capsys.readouterr().out


def test_pictures(tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "results.json"
    path.write_text(json.dumps(document(ROWS)))
    assert plot.main([str(path), "--directory", str(tmp_path)]) == 0
    made = sorted(file.name for file in tmp_path.iterdir() if file != path)
    assert made == ["results-asyncio.png", "results-asyncio.svg", "results-loop.png", "results-loop.svg"]
    assert (tmp_path / "results-loop.png").read_bytes().startswith(b"\x89PNG")
    assert ElementTree.parse(tmp_path / "results-loop.svg").getroot().tag.endswith("svg")
    first = (tmp_path / "results-loop.svg").read_bytes()
    plot.main([str(path), "--directory", str(tmp_path)])
    assert (tmp_path / "results-loop.svg").read_bytes() == first, "the same figures give another picture"
