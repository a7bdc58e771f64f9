"""The table of the page says what the figures say, and the page has it."""

import re
from pathlib import Path

import pytest

from benches import markdown
from benches.report import load
from benches.tests.made_up import CHAIN, document

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "performance.md"

ROWS = {
    "core.call_soon.chain": CHAIN,
    "core.future.ping_pong": {"uvloop": [100.0], "ferrio": [250.0]},
    "net.memory.idle_protocol.x5000": {
        "uvloop": [{"memory_bytes": 900.0}],
        "ferrio": [{"memory_bytes": 600.0}],
        "asyncio": [{"error": "no"}],
    },
}


def made_up():
    made = document(ROWS)
    for name, workload in made["workloads"].items():
        workload["decided_by"] = "memory_bytes" if "memory" in name else "per_s"
    return made


def test_rows():
    table = markdown.table(made_up())
    assert "| `core.call_soon.chain` | 4.50 [4.00–5.00] | 12.0 [12.0–12.0] | 0.55 [0.50–0.60] | 3.10 [3.00–3.20] fast |" in table
    assert "| `core.future.ping_pong` | 2.50 [2.50–2.50] |  |  |  | ferrio >= 6.00 **missed** |" in table
    assert "| 1.50 [1.50–1.50], 600 B |  | error |  | ferrio <= 860 B ✓ |" in table


@pytest.mark.skipif(not PAGE.exists(), reason="no page yet")
def test_the_page_has_the_tables_of_the_results_that_it_names():
    parts = re.findall(r"<!-- table of (\S+) -->\n\n(.*?)\n\n<!-- end of table -->", PAGE.read_text(), re.DOTALL)
    assert parts
    for name, shown in parts:
        assert shown == markdown.table(load(ROOT / "benches" / "results" / name)), name
