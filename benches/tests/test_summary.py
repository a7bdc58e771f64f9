"""Ratios and medians of made-up figures are right."""

import pytest

from benches import report
from benches.rounds import order
from benches.summary import medians, ratios, spread, summarise
from benches.timing import calibrate, measure


def entries(*rates):
    """One entry for each round; None: the cell failed."""
    return [
        {"round": number, "error": "no"} if rate is None else {"round": number, "per_s": rate}
        for number, rate in enumerate(rates)
    ]


def test_a_ratio_is_of_the_same_round():
    # The machine is twice as slow in the second round: the ratio is not.
    assert ratios(entries(300.0, 150.0), entries(100.0, 50.0)) == [3.0, 3.0]


def test_rounds_without_one_of_the_two_have_no_ratio():
    assert ratios(entries(300.0, None, 200.0, 40.0), entries(100.0, 50.0, None, 20.0)) == [3.0, 2.0]


def test_summary_of_three_loops():
    by_loop = {
        "uvloop": entries(100.0, 200.0, 400.0),
        "fast": entries(200.0, 600.0, 1000.0),
        "broken": entries(None, None, 100.0),
    }
    summary = summarise(by_loop, "uvloop")
    assert summary["uvloop"]["median"] == {"per_s": 200.0}
    assert summary["uvloop"]["ratio"] == {"median": 1.0, "min": 1.0, "max": 1.0}
    assert summary["fast"]["ratio"] == {"median": 2.5, "min": 2.0, "max": 3.0}
    assert summary["broken"]["median"] == {"per_s": 100.0}
    assert summary["broken"]["ratio"] == {"median": 0.25, "min": 0.25, "max": 0.25}
    assert [summary[name]["errors"] for name in by_loop] == [0, 0, 2]
    assert all(one["cpu_ratio"] is None and one["cpu_of_limit"] is None for one in summary.values())


def test_less_of_a_cost_is_a_better_ratio():
    by_loop = {
        "uvloop": [{"round": 0, "memory_bytes": 2000.0}, {"round": 1, "memory_bytes": 3000.0}],
        "small": [{"round": 0, "memory_bytes": 1000.0}, {"round": 1, "memory_bytes": 1000.0}],
        "nothing": [{"round": 0, "memory_bytes": 0.0}],
    }
    summary = summarise(by_loop, "uvloop", "memory_bytes")
    assert summary["small"]["ratio"] == {"median": 2.5, "min": 2.0, "max": 3.0}
    assert summary["nothing"]["ratio"] is None


def test_processor_time_is_compared_with_the_baseline_and_the_limit():
    def served(cpu_ns):
        return [{"round": 0, "per_s": 1.0, "server_cpu_ns": cpu_ns, "cpu_ns": 1.0}]

    by_loop = {"uvloop": served(12.0), "fast": served(11.0), "limit+callback": served(10.0)}
    summary = summarise(by_loop, "uvloop")
    assert summary["fast"]["cpu_ratio"]["median"] == pytest.approx(12 / 11)
    assert summary["fast"]["cpu_of_limit"]["median"] == pytest.approx(1.1)
    client = {"uvloop": [{"round": 0, "cpu_ns": 20.0}], "fast": [{"round": 0, "cpu_ns": 16.0}]}
    assert summarise(client, "uvloop")["fast"]["cpu_ratio"]["median"] == 1.25


def test_without_the_baseline_there_are_no_ratios():
    assert summarise({"asyncio": entries(1.0)}, "uvloop")["asyncio"]["ratio"] is None
    assert spread([]) is None


def test_medians_are_of_the_figures_that_are_there():
    rounds = [{"per_s": 3.0, "p50_ns": 10}, {"per_s": 1.0, "p50_ns": 30}, {"error": "no"}]
    assert medians(rounds) == {"per_s": 2.0, "p50_ns": 20}


def test_each_loop_has_each_place_once():
    loops = ["a", "b", "c", "d"]
    rounds = [order("core.timeout", loops, number) for number in range(4)]
    for column in zip(*rounds, strict=True):
        assert sorted(column) == loops


@pytest.mark.parametrize("seconds_per_iteration", [1e-7, 1e-3, 10.0])
def test_samples_take_about_the_time_they_should(seconds_per_iteration):
    def run(iterations):
        return iterations * seconds_per_iteration

    iterations = calibrate(run, 0.1)
    assert iterations == 1 or run(iterations) == pytest.approx(0.1, rel=0.05)
    figures = measure(run, 7, samples=3, sample_s=0.1)
    assert figures["per_s"] == pytest.approx(7 / seconds_per_iteration)
    assert len(figures["samples_per_s"]) == 3


def test_numbers_have_three_digits():
    values = [1.234, 12.34, 123.4, 999.7, 12340, 999_600, 1.5e6, 2e9]
    assert [report.number(value) for value in values] == ["1.23", "12.3", "123", "1.00k", "12.3k", "1.00M", "1.50M", "2.00G"]


def test_a_cell_of_the_table():
    summary = summarise({"uvloop": entries(1000.0, 1000.0), "other": entries(2000.0, None)}, "uvloop")
    assert report.cell(summary["other"], with_ratio=True) == "2.00k  2.00 [2.00-2.00] 1 ERROR"
    assert report.cell(summary["uvloop"], with_ratio=False) == "1.00k"
