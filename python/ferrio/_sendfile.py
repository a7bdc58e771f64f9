"""`sendfile`, `sock_sendfile`: the kernel sends the file where it can; elsewhere it is read in the executor and written.

Semantics: `loop.sendfile` and `loop.sock_sendfile` of the asyncio documentation. Here is decided which piece comes next; each
piece is one native call. Positions are counted in the same step that sends, so a cancellation cannot lose any.
"""

import asyncio
import contextlib
import errno
import functools
import io
import os
import socket
import sys
from asyncio import constants

from ._tls import check_no_tls_socket

#: How much one native call sends at most, in bytes; after it others get their turn.
_PIECE = 256 * 1024
#: How much is read at once to be written to a transport, in bytes: its default high watermark.
_TRANSPORT_READ = 64 * 1024
#: Since 3.14 an offset of 0 is the beginning of the file, and a file of which nothing was sent has a new position too.
_ALWAYS_SEEKS = sys.version_info >= (3, 14)


def check_arguments(file, offset, count, sock=None):
    """asyncio's complaints about a file, a range in bytes and a socket. Raises ValueError, TypeError."""
    if "b" not in getattr(file, "mode", "b"):
        raise ValueError("file should be opened in binary mode")
    if sock is not None and sock.type != socket.SOCK_STREAM:
        raise ValueError("only SOCK_STREAM type sockets are supported")
    if count is not None:
        if not isinstance(count, int):
            raise TypeError(f"count must be a positive integer (got {count!r})")
        if count <= 0:
            raise ValueError(f"count must be a positive integer (got {count!r})")
    if not isinstance(offset, int):
        raise TypeError(f"offset must be a non-negative integer (got {offset!r})")
    if offset < 0:
        raise ValueError(f"offset must be a non-negative integer (got {offset!r})")


def file_size(file):
    """Its size in bytes. Raises SendfileNotAvailableError for what has no descriptor, e.g. a BytesIO."""
    try:
        return os.fstat(file.fileno()).st_size
    except (AttributeError, io.UnsupportedOperation, OSError):
        raise asyncio.SendfileNotAvailableError("not a regular file") from None


def move_to(file, position):
    """What `file.tell()` says afterwards."""
    if hasattr(file, "seek"):
        file.seek(position)
    else:
        os.lseek(file.fileno(), position, os.SEEK_SET)


async def send_pieces(send, ready, file, offset, count):
    """Send a range of a file by the kernel: how many bytes.

    `send(file, offset, count)` sends a piece: how many bytes, 0 at the end of the file, None where it cannot yet; `ready()` is
    awaited then. Raises SendfileNotAvailableError where not even the first byte could be sent: the file is to blame, or the
    connection, which the fallback will notice.
    """
    size = file_size(file)
    if not (count or size):
        return 0
    sent = 0
    try:
        while count is None or sent < count:
            piece = _PIECE if count is None else min(count - sent, _PIECE)
            try:
                done = send(file, offset + sent, piece)
            except OSError as exc:
                if not sent:
                    raise asyncio.SendfileNotAvailableError("os.sendfile call failed") from exc
                if exc.errno == errno.ENOTCONN:
                    raise ConnectionError("socket is not connected", errno.ENOTCONN) from exc
                raise
            if done is None:
                await ready()
                continue
            if not done:
                break
            sent += done
            if done == piece:
                await asyncio.sleep(0)
            elif offset + sent < size:
                await ready()
        return sent
    finally:
        if sent or _ALWAYS_SEEKS:
            # A file that was closed in the middle has no position, and the error of that is on its way already.
            with contextlib.suppress(ValueError):
                move_to(file, offset + sent)


async def read_pieces(loop, file, offset, count, most, write):
    """Read a range of a file in the executor, `most` bytes at once, and await `write(data)` for each: how many bytes.

    As in asyncio, before 3.14 an offset of 0 means "from where the file is", and since then what cannot seek is read from there.
    """
    if hasattr(file, "seek") if _ALWAYS_SEEKS else offset:
        file.seek(offset)
    buffer = bytearray(min(count, most) if count else most)
    sent = 0
    try:
        while not count or sent < count:
            room = memoryview(buffer)[: count - sent] if count else memoryview(buffer)
            read = await loop.run_in_executor(None, file.readinto, room)
            if not read:
                break
            # A copy: a transport may keep what it is given until the kernel takes it, and the buffer is used again.
            await write(bytes(room[:read]))
            sent += read
        return sent
    finally:
        if sent and hasattr(file, "seek"):
            file.seek(offset + sent)


class FlowControl(asyncio.Protocol):
    """Stands in for a transport's protocol while a file is written to it: it sees the pauses, the protocol does not."""

    def __init__(self, loop, transport):
        if not hasattr(transport, "_protocol_paused"):
            raise TypeError("transport should be _FlowControlMixin instance")
        self._loop = loop
        self._transport = transport
        self._protocol = transport.get_protocol()
        self._was_reading = transport.is_reading()
        self._was_paused = transport._protocol_paused
        self._lost = False
        self._may_write = loop.create_future() if self._was_paused else None
        transport.pause_reading()
        transport.set_protocol(self)

    async def write(self, data):
        """Write when the transport is not full. Raises ConnectionError when it is closing."""
        if self._lost or self._transport.is_closing():
            raise ConnectionError("Connection closed by peer")
        if self._may_write is not None:
            await self._may_write
        self._transport.write(data)
        # asyncio's TLS protocol drops what is written after the peer's end of file, without closing while reading is paused.
        if getattr(getattr(self._transport, "_ssl_protocol", None), "_conn_lost", 0):
            raise ConnectionError("Connection closed by peer")

    def restore(self):
        """Give the transport back to its protocol, which is told if it has to pause now, or need not any more."""
        self._transport.set_protocol(self._protocol)
        if self._was_reading:
            self._transport.resume_reading()
        if self._lost:
            return
        is_paused = self._transport._protocol_paused
        if self._was_paused and not is_paused:
            self._protocol.resume_writing()
        elif is_paused and not self._was_paused:
            self._protocol.pause_writing()

    def connection_made(self, transport):
        """Never called: the connection was there before."""
        raise RuntimeError("Invalid state: connection should have been established already.")

    def connection_lost(self, exc):
        """Tell whoever writes, then the protocol."""
        self._lost = True
        if self._may_write is not None and not self._may_write.done():
            # In the middle of a file: for the program that is always an error.
            self._may_write.set_exception(exc or ConnectionError("Connection is closed by peer"))
        self._protocol.connection_lost(exc)

    def pause_writing(self):
        """The transport is full."""
        if self._may_write is None:
            self._may_write = self._loop.create_future()

    def resume_writing(self):
        """The transport takes more."""
        waiter, self._may_write = self._may_write, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def data_received(self, data):
        """Never called: reading is paused."""
        raise RuntimeError("Invalid state: reading should be paused")

    def eof_received(self):
        """Never called: reading is paused."""
        raise RuntimeError("Invalid state: reading should be paused")


class SendingFiles:
    """`sendfile`, `sock_sendfile`."""

    __slots__ = ()

    async def sock_sendfile(self, sock, file, offset=0, count=None, *, fallback=True):
        """Send a file, or `count` bytes of it from `offset` on, over a non-blocking stream socket: how many bytes.

        The file's position is behind the last byte sent, also after an error. Where the kernel cannot send the file, it is read
        in the executor; with `fallback=False` that raises SendfileNotAvailableError instead. Raises OSError, ValueError,
        TypeError.
        """
        if self._debug and sock.gettimeout() != 0:
            raise ValueError("the socket must be non-blocking")
        check_no_tls_socket(sock)
        check_arguments(file, offset, count, sock)
        try:
            return await self._sock_sendfile_native(sock, file, offset, count)
        except asyncio.SendfileNotAvailableError:
            if not fallback:
                raise
        most = constants.SENDFILE_FALLBACK_READBUFFER_SIZE
        write = functools.partial(self.sock_sendall, sock)
        return await read_pieces(self, file, offset, count, most, write)

    async def _sock_sendfile_native(self, sock, file, offset, count):
        send = functools.partial(self._sock_sendfile, sock)
        ready = functools.partial(self._sock_writable, sock)
        return await send_pieces(send, ready, file, offset, count)

    async def sendfile(self, transport, file, offset=0, count=None, *, fallback=True):
        """Send a file, or `count` bytes of it from `offset` on, over a stream transport: how many bytes.

        It goes between what was written before and what is written afterwards; meanwhile `transport.write` raises RuntimeError
        and nothing is read. The file's position is behind the last byte sent, also after an error. Where the kernel cannot send
        the file (TLS is one reason), it is read in the executor and written; with `fallback=False` that raises
        SendfileNotAvailableError or RuntimeError instead. Raises ConnectionError, OSError, ValueError, TypeError.
        """
        if transport.is_closing():
            raise RuntimeError("Transport is closing")
        mode = getattr(transport, "_sendfile_compatible", constants._SendfileMode.UNSUPPORTED)
        if mode is constants._SendfileMode.UNSUPPORTED:
            raise RuntimeError(f"sendfile is not supported for transport {transport!r}")
        if mode is constants._SendfileMode.TRY_NATIVE:
            try:
                return await self._sendfile_native(transport, file, offset, count)
            except asyncio.SendfileNotAvailableError:
                if not fallback:
                    raise
        if not fallback:
            raise RuntimeError(
                f"fallback is disabled and native sendfile is not supported for transport {transport!r}"
            )
        flow = FlowControl(self, transport)
        try:
            return await read_pieces(self, file, offset, count, _TRANSPORT_READ, flow.write)
        finally:
            flow.restore()

    async def _sendfile_native(self, transport, file, offset, count):
        check_arguments(file, offset, count)
        was_reading = transport.is_reading()
        transport._begin_sendfile()
        try:
            transport.pause_reading()
            return await send_pieces(transport._sendfile, transport._sendfile_ready, file, offset, count)
        finally:
            transport._end_sendfile()
            if was_reading:
                transport.resume_reading()
