"""Every workload that runs inside one process does so, once, on asyncio and on ferrio; those that start interpreters do not."""

import asyncio
import mmap

import pytest

from benches import memory
from benches.loops import LoopSpec
from benches.workloads import WORKLOADS
from benches.workloads.definition import CoreWorkload

INTERPRETERS = ("core.startup.process", "core.startup.import")
INSIDE = [
    workload
    for workload in WORKLOADS.values()
    if isinstance(workload, CoreWorkload) and not workload.peer and workload.name not in INTERPRETERS
]


@pytest.mark.parametrize("loop", ["asyncio", "ferrio"])
@pytest.mark.parametrize("workload", INSIDE, ids=lambda workload: workload.name)
def test_workload(workload, loop):
    spec = LoopSpec.parse(loop)
    factory = spec.load()
    if workload.form == "loop":
        made = factory()
        workload.body(made, 2)
        made.close()
    elif workload.form == "spec":
        workload.body(spec, factory, 2)
    else:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(once(workload))
            assert not asyncio.all_tasks(runner.get_loop())


async def once(workload):
    if workload.form == "memory":
        async with workload.body(20):
            return
    await workload.body(2)


def test_memory_of_a_process_grows_with_it():
    before = memory.anonymous_bytes("self")
    # Not of the heap, which may have so much left over. Written to, so that the kernel has to give it.
    with mmap.mmap(-1, 30_000_000, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as kept:
        for start in range(0, len(kept), 100_000):
            kept[start : start + 100_000] = b"x" * 100_000
        assert memory.anonymous_bytes("self") - before > 25_000_000


def test_every_workload_says_what_it_does():
    assert [workload.name for workload in WORKLOADS.values() if not workload.summary] == []
