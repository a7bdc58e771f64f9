"""The process of one core cell: `python -m benches.cell`. Writes its figures to a file as JSON."""

import argparse
import asyncio
import gc
import json
import os
import sys
import time
from pathlib import Path

from .loops import LoopSpec
from .memory import anonymous_bytes
from .timing import measure


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benches.cell")
    parser.add_argument("--workload", required=True)
    parser.add_argument("--loop", required=True, type=LoopSpec.parse)
    parser.add_argument("--samples", type=int, required=True)
    parser.add_argument("--sample-s", type=float, required=True)
    parser.add_argument("--cpu", type=int)
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--address", type=json.loads, help="of the server that the workload talks to, as JSON")
    parser.add_argument("--result", type=Path, required=True)
    arguments = parser.parse_args()
    if arguments.cpu is not None:
        os.sched_setaffinity(0, {arguments.cpu})

    # The loop before the workloads: whatever they import, they find it installed.
    factory = arguments.loop.load()
    from .workloads import WORKLOADS
    from .workloads.definition import search_path

    workload = WORKLOADS[arguments.workload]
    sys.path[:] = search_path(workload)
    figures = FORMS[workload.form](workload, arguments, factory)
    arguments.result.write_text(json.dumps(figures))


def measure_coroutine(workload, arguments, factory) -> dict:
    """`await body(iterations)` in tasks of one runner."""

    async def timed(iterations):
        start = time.perf_counter()
        seconds = await workload.body(iterations)
        elapsed = time.perf_counter() - start
        return elapsed if seconds is None else seconds

    with asyncio.Runner(loop_factory=factory) as runner:
        return _measure(lambda iterations: runner.run(timed(iterations)), workload, arguments)


def measure_session(workload, arguments, factory) -> dict:
    """One `async with body(address) as run`, and `await run(iterations)` in tasks; warm after a whole session before it."""

    async def timed(run, iterations):
        start = time.perf_counter()
        await run(iterations)
        return time.perf_counter() - start

    async def once():
        async with workload.body(arguments.address) as run:
            await run(1)

    with asyncio.Runner(loop_factory=factory) as runner:
        if not arguments.cold:
            runner.run(once())
        session = workload.body(arguments.address)
        run = runner.run(session.__aenter__())
        figures = _measure(lambda iterations: runner.run(timed(run, iterations)), workload, arguments)
        runner.run(session.__aexit__(None, None, None))
    return figures


def measure_memory(workload, arguments, factory) -> dict:
    """Bytes that `async with body(operations)` adds to the process, for each; a tenth of them came and went before."""
    count = workload.operations

    async def added():
        if not arguments.cold:
            async with workload.body(count // 10):
                pass
        gc.collect()
        before = anonymous_bytes("self")
        async with workload.body(count):
            gc.collect()
            return (anonymous_bytes("self") - before) / count

    with asyncio.Runner(loop_factory=factory) as runner:
        return {"memory_bytes": runner.run(added()), "operations": count}


def measure_loop(workload, arguments, factory) -> dict:
    """`body(loop, iterations)` with one loop that does not run."""
    loop = factory()
    try:
        asyncio.set_event_loop(loop)
        return _measure(lambda iterations: _timed(workload.body, loop, iterations), workload, arguments)
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def measure_spec(workload, arguments, factory) -> dict:
    """`body(spec, factory, iterations)`."""
    return _measure(lambda iterations: _timed(workload.body, arguments.loop, factory, iterations), workload, arguments)


def _timed(body, *arguments) -> float:
    start = time.perf_counter()
    seconds = body(*arguments)
    elapsed = time.perf_counter() - start
    return elapsed if seconds is None else seconds


def _measure(run, workload, arguments) -> dict:
    return measure(run, workload.operations, arguments.samples, arguments.sample_s)


FORMS = {
    "coroutine": measure_coroutine,
    "loop": measure_loop,
    "spec": measure_spec,
    "session": measure_session,
    "memory": measure_memory,
}

if __name__ == "__main__":
    main()
