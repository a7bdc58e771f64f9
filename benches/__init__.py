"""Benchmarks: event loops side by side, each cell (workload × loop) in a fresh process. `python -m benches --help`.

* `workloads/` what is measured · `loops.py` on which loops · `limits.py` beside which servers without one
* `cell.py` a core cell's process, `core_cell.py` its other side · `peers.py` the servers that clients talk to
* `servers/` a net cell's server process · `net_cell.py` its other side, with the load generator · `idle_cell.py` memory
* `rounds.py` which cell runs when · `summary.py` medians and ratios · `report.py` table and JSON · `machine.py` where it ran
* `thresholds.py` what is wanted · `gate.py` which rows reach it · `plot.py` pictures
"""
