"""Benchmarks: event loops side by side, each cell (workload × loop) in a fresh process. `python -m benches --help`.

* `workloads/` what is measured · `loops.py` on which loops
* `cell.py` a core cell's process, `server.py` a net cell's server process · `net_cell.py` its other side, with the load generator
* `rounds.py` which cell runs when · `summary.py` medians and ratios · `report.py` table and JSON · `machine.py` where it ran
"""
