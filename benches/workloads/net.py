"""Servers under load."""

from .definition import NetWorkload

KIB = 1024
#: One answer of the "writes" server: 100 pieces of 32 bytes.
ANSWER_BYTES = 100 * 32


def _protocol_echo(kib: int, connections: int) -> NetWorkload:
    return NetWorkload(
        name=f"net.tcp.protocol_echo.{kib}KiB.x{connections}",
        summary=f"A Protocol echoes {kib} KiB; connections: {connections}.",
        server="protocol",
        connections=connections,
        size=kib * KIB,
        reply_bytes=kib * KIB,
    )


def _streams_echo(connections: int) -> NetWorkload:
    return NetWorkload(
        name=f"net.tcp.streams_echo.1KiB.x{connections}",
        summary=f"StreamReader.read, StreamWriter.write and drain echo 1 KiB; connections: {connections}.",
        server="streams",
        connections=connections,
        size=KIB,
        reply_bytes=KIB,
    )


def _small_writes(connections: int) -> NetWorkload:
    return NetWorkload(
        name=f"net.tcp.small_writes.x{connections}",
        summary=f"A Protocol answers each byte it reads by 100 write() of 32 bytes; connections: {connections}.",
        server="writes",
        connections=connections,
        size=1,
        reply_bytes=ANSWER_BYTES,
    )


def _unix_echo(connections: int) -> NetWorkload:
    return NetWorkload(
        name=f"net.unix.protocol_echo.1KiB.x{connections}",
        summary=f"A Protocol echoes 1 KiB over a unix socket; connections: {connections}.",
        server="protocol",
        connections=connections,
        size=KIB,
        reply_bytes=KIB,
        unix=True,
    )


def _churn(connections: int) -> NetWorkload:
    return NetWorkload(
        name=f"net.tcp.churn.1KiB.x{connections}",
        summary=f"Connect, echo of 1 KiB, close: a connection for each message; at a time: {connections}.",
        server="protocol",
        connections=connections,
        size=KIB,
        reply_bytes=KIB,
        churn=True,
    )


NET = [_protocol_echo(kib, connections) for kib in (1, 10, 100) for connections in (1, 10, 100)]
NET += [make(connections) for make in (_streams_echo, _small_writes, _unix_echo, _churn) for connections in (1, 10)]
