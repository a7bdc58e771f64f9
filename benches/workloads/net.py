"""Servers under load."""

from .definition import IdleWorkload, NetWorkload

KIB = 1024
MIB = 1024 * KIB
CONNECTIONS = (1, 10, 100)
#: One answer of the "writes" and "writelines" servers: 100 pieces of 32 bytes.
ANSWER_BYTES = 100 * 32
LINE_BYTES = 64
PAGE_BYTES = 100
IDLE = 5000

#: How servers read and write, and what the rows are called.
_WAYS = {
    "protocol": "A Protocol echoes",
    "buffered": "A BufferedProtocol echoes",
    "streams": "StreamReader.read, StreamWriter.write and drain echo",
    "sock": "sock_recv and sock_sendall echo",
}


def _workload(name: str, summary: str, server: str, connections: int, size: int, reply_bytes: int | None = None, **more):
    return NetWorkload(
        f"net.{name}.x{connections}", f"{summary}; connections: {connections}.", server, connections, size,
        size if reply_bytes is None else reply_bytes, **more,
    )  # fmt: skip


def _tcp_echo():
    for way, does in _WAYS.items():
        for kib in (1, 10, 100):
            for connections in CONNECTIONS:
                yield _workload(f"tcp.{way}_echo.{kib}KiB", f"{does} {kib} KiB", way, connections, kib * KIB, has_limit=True)


def _by_line():
    for way, does in (("readline", "readline"), ("readexactly", "readexactly of 4 and of 60 bytes")):
        for connections, depth in ((1, 1), (10, 1), (1, 10), (10, 10)):
            name = f"tcp.{way}" + (f".pipelined{depth}" if depth > 1 else "")
            summary = f"Streams: {does}, then write and drain: 64 bytes" + (f", {depth} messages ahead" if depth > 1 else "")
            form = "lines" if way == "readline" else "bytes"
            load = ("--pipeline", str(depth))
            yield _workload(name, summary, way, connections, LINE_BYTES, form=form, load=load)


def _other_transports():
    for connections in CONNECTIONS:
        yield _workload(
            "unix.protocol_echo.1KiB", "A Protocol echoes 1 KiB over a unix socket", "protocol", connections, KIB,
            transport="unix", has_limit=True,
        )  # fmt: skip
    # With more the kernel drops some: 200 KiB may wait at a socket, and it counts 2 for each.
    for connections in (1, 10):
        yield _workload(
            "udp.echo.1KiB", "A DatagramProtocol echoes 1 KiB; sockets, not connections", "datagram", connections, KIB,
            transport="udp",
        )  # fmt: skip
    for way in ("protocol", "streams"):
        for kib, connections in ((1, 1), (1, 10), (10, 10), (100, 10)):
            summary = f"{_WAYS[way]} {kib} KiB over TLS"
            yield _workload(f"tls.{way}_echo.{kib}KiB", summary, way, connections, kib * KIB, transport="tls")


def _in_one_direction():
    for connections in (1, 10):
        for way, name in (("sink", "protocol"), ("stream_sink", "streams")):
            does = "by a Protocol" if name == "protocol" else "by StreamReader.read of 64 KiB"
            yield _workload(f"tcp.bulk_receive.{name}.1MiB", f"1 MiB comes in, {does}", way, connections, MIB, 1)
        for way, name in (("source", "protocol"), ("stream_source", "streams")):
            does = "by a Protocol" if name == "protocol" else "by write and drain"
            summary = f"1 MiB goes out, {does}, in 64 KiB, as the other side takes it"
            yield _workload(f"tcp.bulk_send.{name}.1MiB", summary, way, connections, 1, MIB)
        summary = "sendfile of 1 MiB (a loop that has none: the file's bytes by write)"
        yield _workload("tcp.sendfile.1MiB", summary, "sendfile", connections, 1, MIB)


def _small_pieces():
    for connections in (1, 10):
        summary = "A Protocol answers each byte by 100 write() of 32 bytes"
        yield _workload("tcp.small_writes", summary, "writes", connections, 1, ANSWER_BYTES)
        summary = "A Protocol answers each byte by one writelines() of 100 pieces of 32 bytes"
        yield _workload("tcp.writelines", summary, "writelines", connections, 1, ANSWER_BYTES)


def _churn():
    for connections in (1, 10):
        summary = "Connect, echo of 1 KiB, close: a connection for each message; at a time"
        yield _workload("tcp.churn.1KiB", summary, "protocol", connections, KIB, load=("--churn",), has_limit=True)


def _latency():
    yield _workload(
        "latency.busy",
        "Each connection sends 1 KiB 100 times a second to a Protocol that echoes, while 100 callbacks schedule themselves again "
        "and again; decided by the later of answers and timers, p99",
        "latency", 100, KIB, load=("--interval", "0.01"), decided_by="lateness_p99_ns",
    )  # fmt: skip


def _idle():
    for way, server in (("protocol", "idle"), ("streams", "streams")):
        summary = f"Memory of the server's process for each of {IDLE} connections ({way}) that echoed a byte once and then wait."
        yield IdleWorkload(f"net.memory.idle_{way}.x{IDLE}", summary, server, IDLE)


def _pages():
    for server, needs in (("aiohttp", ("aiohttp",)), ("uvicorn", ("uvicorn", "httptools"))):
        for connections in (10, 100):
            summary = f"{server} serves a page of {PAGE_BYTES} bytes"
            made = _workload(f"{server}.server", summary, server, connections, 1, PAGE_BYTES, form="http", needs=needs)
            yield NetWorkload(**{**vars(made), "name": made.name.replace("net.", "app.", 1)})


_MAKERS = (_tcp_echo, _by_line, _other_transports, _churn, _in_one_direction, _small_pieces, _latency, _idle)
NET = [workload for make in _MAKERS for workload in make()]
SERVED_APPS = list(_pages())
