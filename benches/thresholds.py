"""What ferrio wants to reach: the one table that `gate` judges by. Ratios are to uvloop of the same run; 2 is twice as good."""

from dataclasses import dataclass

#: How much of a server's processor time the limit server needs, where that is what counts.
CPU_OF_LIMIT = 1.05


@dataclass(frozen=True)
class Threshold:
    """One row and what is wanted of it.

    `figure` says of what: "ratio" and "cpu_ratio" must be at least `number`, as must "of_best" (the rate divided by that of
    the best other loop); "cpu_of_limit", "memory_bytes" and "lateness_p99_ns" at most that.
    """

    workload: str
    number: float
    loop: str = "ferrio"
    figure: str = "ratio"
    #: The same on CPython 3.14 and later.
    number_314: float | None = None
    #: Whether the best other loop of the run must be reached too, as far as the rounds can tell the two apart.
    beats_peers: bool = True

    @property
    def at_least(self) -> bool:
        """Whether more is better."""
        return self.figure in ("ratio", "cpu_ratio", "of_best")

    def wanted(self, version: tuple[int, ...]) -> float:
        """The number for this CPython."""
        return self.number_314 if self.number_314 is not None and version >= (3, 14) else self.number


def _rows(loop: str, numbers: dict[str, float], **options) -> list[Threshold]:
    return [Threshold(workload, number, loop, **options) for workload, number in numbers.items()]


def _cpu_rows() -> list[Threshold]:
    """The TCP protocol rows, at the limit and not below uvloop; with one connection they wait for a wake-up most of the time."""
    names = [f"net.tcp.protocol_echo.{kib}KiB.x{count}" for kib in (1, 10, 100) for count in (10, 100)]
    at_limit = [Threshold(name, CPU_OF_LIMIT, figure="cpu_of_limit", beats_peers=False) for name in names]
    return at_limit + [Threshold(name, 1.0) for name in names]


#: The loop alone: asyncio's own gather, Queue, streams … on ferrio's loop, tasks and futures.
_LOOP = [
    Threshold("core.call_soon.chain", 4.5, number_314=5.0),
    *_rows("ferrio", {
        "core.call_soon.batch": 2.2,
        "core.timer.fire": 3.5,
        "core.timer.cancel": 3.2,
        "core.task.create_await": 5.0,
        "core.future.ping_pong": 6.0,
        "core.sleep0.x2": 3.2,
        "core.task.cancel": 2.0,
        "core.threadsafe.burst": 3.0,
        "core.threadsafe.round_trip": 1.15,
        "core.executor.round_trip": 1.1,
        "core.startup.run": 5.0,
        "core.run_until_complete": 9.0,
        "core.add_reader.event": 1.1,
    }),
    *_cpu_rows(),
    *_rows("ferrio", {
        "net.tcp.buffered_echo.1KiB.x10": 1.08,
        "net.tcp.buffered_echo.1KiB.x100": 1.08,
        "net.unix.protocol_echo.1KiB.x10": 1.08,
        "net.unix.protocol_echo.1KiB.x100": 1.08,
        "net.udp.echo.1KiB.x10": 1.3,
        "net.tcp.sock_echo.1KiB.x10": 1.55,
        "net.tcp.sock_echo.1KiB.x100": 1.55,
        "net.tcp.churn.1KiB.x10": 1.08,
        "net.tcp.bulk_send.protocol.1MiB.x10": 1.2,
        "net.tcp.small_writes.x10": 52.0,
        "app.aiohttp.server.x10": 1.03,
        "app.spawn": 3.6,
        "app.communicate": 2.7,
        "app.getaddrinfo.numeric": 2.0,
    }),
    # Loops on io_uring receive bulk into memory that the kernel has already.
    Threshold("net.tcp.bulk_receive.protocol.1MiB.x10", 1.2, beats_peers=False),
    Threshold("app.uvicorn.server.x10", 1.35, number_314=1.5),
    Threshold("app.getaddrinfo.localhost", 0.9, beats_peers=False),
    Threshold("net.memory.idle_protocol.x5000", 860, figure="memory_bytes", beats_peers=False),
    Threshold("net.latency.busy.x100", 1e6, figure="lateness_p99_ns", beats_peers=False),
]  # fmt: skip

#: With `ferrio.install()`: what programs call is ferrio's too.
_INSTALLED = [
    *_rows("ferrio+install", {
        "core.task.create_await": 5.5,
        "core.gather.x1000": 7.0,
        "core.gather.sleep0.x1000": 4.5,
        "core.sleep0.x2": 6.0,
        "core.sleep0.x100": 4.5,
        "core.wait.x1000": 4.5,
        "core.as_completed.x1000": 4.5,
        "core.task_group.x1000": 4.5,
        "core.timeout.enter_exit": 5.0,
        "core.wait_for": 4.0,
        "core.queue.hand_off": 7.5,
        "core.queue.producer_consumers": 3.0,
        "core.lock.contended": 4.0,
        "core.lock.uncontended": 1.5,
        "core.semaphore": 4.0,
        "core.event.ping_pong": 4.0,
        "core.condition.ping_pong": 4.0,
        "net.tcp.streams_echo.1KiB.x10": 1.3,
        "net.tcp.streams_echo.100KiB.x10": 2.4,
        "net.tcp.readline.x10": 1.3,
        "net.tcp.readexactly.x10": 1.3,
        "net.tcp.readline.pipelined10.x10": 7.0,
        "net.tcp.readexactly.pipelined10.x10": 5.5,
        "net.tcp.bulk_receive.streams.1MiB.x10": 5.0,
        "app.aiohttp.server.x10": 1.1,
        "app.redis.x50": 1.15,
        "app.aioredis.x50": 1.15,
        "app.aiomysql.x50": 1.15,
    }),
    Threshold("core.gather.eager.x1000", 1.5, "ferrio+install", figure="of_best", beats_peers=False),
    # A connection at a time waits for the other side: the processor time is what a loop decides.
    *_rows("ferrio+install", {
        "app.redis.x1": 1 / 0.85,
        "app.aioredis.x1": 1 / 0.85,
        "app.aiomysql.x1": 1 / 0.85,
    }, figure="cpu_ratio", beats_peers=False),
    *_rows("ferrio+install", {"core.task.memory": 1.0, "net.memory.idle_streams.x5000": 1.0}, beats_peers=False),
]  # fmt: skip

THRESHOLDS: tuple[Threshold, ...] = (*_LOOP, *_INSTALLED)
#: Misses that a run may have, for each of the two lists.
MAY_MISS = 3
