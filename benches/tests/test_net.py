"""Every kind of server answers the load generator right, for a moment, on asyncio and on ferrio: a cell of a run, but short."""

import importlib.util
import os
import shutil

import pytest

from benches import core_cell, idle_cell, limits, net_cell
from benches.loops import LoopSpec
from benches.peers import Peers
from benches.settings import Settings
from benches.workloads import WORKLOADS
from benches.workloads.definition import CoreWorkload, IdleWorkload, missing

#: A moment, in which no core is anybody's.
MOMENT = Settings(rounds=1, samples=1, sample_s=0.001, warmup_s=0.01, measured_s=0.05, most_idle=20, pinned=False)

#: One of each kind of server, transport and load; sizes and numbers of connections are for the generator's own tests. Not aiomysql:
#: its server takes longer to start than everything else here.
CHOSEN = """
net.tcp.protocol_echo.100KiB.x10 net.tcp.buffered_echo.1KiB.x1 net.tcp.streams_echo.100KiB.x10 net.tcp.sock_echo.1KiB.x10
net.tcp.readline.pipelined10.x1 net.tcp.readexactly.pipelined10.x10 net.unix.protocol_echo.1KiB.x1 net.udp.echo.1KiB.x10
net.tls.protocol_echo.1KiB.x10 net.tls.streams_echo.1KiB.x1 net.tcp.churn.1KiB.x10 net.tcp.bulk_receive.protocol.1MiB.x1
net.tcp.bulk_receive.streams.1MiB.x1 net.tcp.bulk_send.protocol.1MiB.x1 net.tcp.bulk_send.streams.1MiB.x1
net.tcp.sendfile.1MiB.x1 net.tcp.small_writes.x1 net.tcp.writelines.x10 net.latency.busy.x100 net.memory.idle_protocol.x5000
app.aiohttp.server.x10 app.uvicorn.server.x10 app.aiohttp.client.x10 app.redis.x50
app.aioredis.x50
""".split()

LOADGEN = limits.loadgen()
pytestmark = pytest.mark.skipif(LOADGEN is None, reason="needs cargo build -p ferrio-loadgen")


@pytest.fixture(scope="module")
def peers(tmp_path_factory):
    made = Peers(tmp_path_factory.mktemp("peers"), None)
    yield made
    made.close()


def run(workload, loop, peers, directory):
    spec, cpus = LoopSpec.parse(loop), sorted(os.sched_getaffinity(0))
    if isinstance(workload, CoreWorkload):
        return core_cell.run(workload, spec, MOMENT, cpus, peers, directory)
    if isinstance(workload, IdleWorkload):
        return idle_cell.run(workload, spec, MOMENT, cpus, directory)
    return net_cell.run(workload, spec, MOMENT, cpus, LOADGEN, directory)


@pytest.mark.parametrize("loop", ["asyncio", "ferrio"])
@pytest.mark.parametrize("name", CHOSEN)
def test_cell(name, loop, peers, tmp_path):
    workload = WORKLOADS[name]
    lacks = missing(workload)
    if "tls" in name and importlib.util.find_spec("trustme") is None:
        lacks.append("trustme")
    if lacks:
        pytest.skip(f"not installed: {', '.join(lacks)}")
    if getattr(workload, "peer", None) == "redis" and shutil.which("redis-server") is None:
        pytest.skip("redis-server is missing (Debian: apt-get install redis-server)")
    figures = run(workload, loop, peers, tmp_path)
    assert figures[workload.decided_by] >= 0
    assert "log" not in figures, figures["log"]


@pytest.mark.parametrize("loop", [
    "limit", pytest.param("limit+callback", marks=pytest.mark.skipif(
        limits.extension() is None, reason="needs cargo build -p ferrio-limit-python"))])  # fmt: skip
@pytest.mark.parametrize("name", [name for name in CHOSEN if name.startswith(("net.tcp.protocol", "net.unix", "net.tcp.churn"))])
def test_limit(name, loop, tmp_path):
    assert run(WORKLOADS[name], loop, None, tmp_path)["per_s"] > 0


def test_the_chosen_are_of_every_kind():
    def kinds(names):
        served = [WORKLOADS[name] for name in names if not isinstance(WORKLOADS[name], CoreWorkload)]
        return {(workload.server, workload.transport) for workload in served}

    missing = kinds(WORKLOADS) - kinds(CHOSEN)
    assert not missing
