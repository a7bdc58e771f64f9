"""What a server is asked by us, not by the load generator: to warm it, to know its memory or its timers."""

import contextlib
import json
import socket
import ssl
from pathlib import Path

from . import certificates
from .child import CellError
from .servers.protocols import TIMERS
from .workloads.definition import IdleWorkload, NetWorkload

#: Seconds for each step, and for the server to close a connection.
_STEP_S = 10.0
_CLOSE_S = 1.0
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def connect(address: dict, workload: NetWorkload | IdleWorkload, directory: Path) -> socket.socket:
    """A connection of the workload's kind."""
    family = socket.AF_UNIX if workload.transport == "unix" else socket.AF_INET
    kind = socket.SOCK_DGRAM if workload.transport == "udp" else socket.SOCK_STREAM
    connection = socket.socket(family, kind)
    try:
        connection.settimeout(_STEP_S)
        connection.connect(address.get("path") or ("127.0.0.1", address["port"]))
        if workload.transport == "tls":
            context = ssl.create_default_context(cafile=str(certificates.made_in(directory)[1]))
            connection = context.wrap_socket(connection, server_hostname="localhost")
    except BaseException:
        connection.close()
        raise
    return connection


def make(address: dict, workload: NetWorkload | IdleWorkload, directory: Path) -> None:
    """One message on a connection that is closed, by both sides. Raises CellError."""
    try:
        with connect(address, workload, directory) as connection:
            talk(connection, workload)
            connection.settimeout(_CLOSE_S)
            if workload.transport == "udp":
                return
            if workload.transport == "tls":
                # Not every loop answers the end of the encryption.
                with contextlib.suppress(OSError):
                    connection.unwrap()
                return
            connection.shutdown(socket.SHUT_WR)
            # Some loops leave the connection open after our end of stream; a churn workload fails on them, an echo need not.
            with contextlib.suppress(TimeoutError, ConnectionError):
                if connection.recv(1):
                    raise CellError("first connection: more bytes than were asked for")
    except OSError as error:
        raise CellError(f"first connection: {error or type(error).__name__}") from None


def talk(connection: socket.socket, workload: NetWorkload | IdleWorkload) -> None:
    """A message, and an answer of the right length. Raises CellError or OSError."""
    question = {"http": REQUEST, "lines": bytes(workload.size - 1) + b"\n"}.get(workload.form, bytes(workload.size))
    connection.sendall(question)
    received, wanted = b"", workload.reply_bytes
    while len(received) < wanted:
        data = connection.recv(1024 * 1024)
        if not data:
            raise CellError(f"first connection: closed after {len(received)} of {wanted} bytes")
        received += data
        if workload.form == "http":
            head, end, _ = received.partition(b"\r\n\r\n")
            wanted = len(head + end) + workload.reply_bytes if end else len(received) + 1


def ask_timers(address: dict, seconds: float) -> dict:
    """How late the timers of a "latency" server were in the last `seconds`. Raises CellError."""
    try:
        with socket.create_connection(("127.0.0.1", address["port"]), _STEP_S) as connection:
            connection.sendall(TIMERS + str(seconds).encode())
            return json.loads(connection.makefile().readline())
    except (OSError, ValueError) as error:
        raise CellError(f"asking for the timers: {error or type(error).__name__}") from None
