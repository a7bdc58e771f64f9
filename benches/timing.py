"""How often a body is repeated, and what counts."""

import gc
import math
import statistics
import time
from collections.abc import Callable


def calibrate(run: Callable[[int], float], sample_s: float) -> int:
    """Iterations that take about `sample_s` seconds. `run(iterations)` returns seconds; all of it is warm-up too."""
    iterations = 1
    while True:
        seconds = run(iterations)
        if seconds >= sample_s / 4:
            return max(1, math.ceil(iterations * sample_s / seconds))
        # Ten times more at most: the first runs are slow, so they say little about the next.
        iterations = math.ceil(iterations * min(10.0, max(2.0, sample_s / 3 / max(seconds, 1e-9))))


def measure(run: Callable[[int], float], operations: int, samples: int, sample_s: float) -> dict:
    """Operations per second: the median of the samples, and each of them; and the process's own time for each, in ns.

    Garbage collection stays on, as users have it; what earlier samples left is collected before each.
    """
    iterations = calibrate(run, sample_s)
    run(iterations)
    rates, cpu_ns = [], []
    for _ in range(samples):
        gc.collect()
        used = time.process_time_ns()
        rates.append(iterations * operations / run(iterations))
        cpu_ns.append((time.process_time_ns() - used) / (iterations * operations))
    return {
        "per_s": statistics.median(rates),
        "cpu_ns": statistics.median(cpu_ns),
        "samples_per_s": rates,
        "operations_per_sample": iterations * operations,
    }
