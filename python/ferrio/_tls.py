"""TLS over ferrio's stream transports, spoken by asyncio's own `asyncio.sslproto`: its timeouts, its errors, its handshake.

A `TlsProtocol` is the protocol of our transport and has a transport of its own for the program.
"""

import asyncio
import functools
import itertools
import ssl
from asyncio.sslproto import SSLAgainErrors, SSLProtocol, SSLProtocolState, _SSLProtocolTransport

from . import _ferrio


#: No more plain text comes out of one read: a record.
_RECORD_BYTES = 16 * 1024
_WRAPPED = SSLProtocolState.WRAPPED


class TlsProtocol(SSLProtocol):
    """asyncio's, with what `asyncio.Protocol` promises where asyncio's own falls short of it:

    - after `close()` of the program's transport no more data is received; asyncio hands on what is there, or, while reading
      is paused, fails with "application data after close notify" (bpo-39951);
    - a program that awaits `start_tls` has its transport before the first data arrives;
    - callbacks run in the connection's context, also those that come out of the program's own calls;
    - a protocol with `get_buffer` and without `data_received` is a buffered one.

    Between the handshake and the end, what is done for each message stands here again, without what only other states need.
    """

    _closed_here = False

    def _set_app_protocol(self, app_protocol):
        super()._set_app_protocol(app_protocol)
        if self._app_protocol_is_buffer or hasattr(app_protocol, "data_received"):
            return
        if hasattr(app_protocol, "get_buffer") and hasattr(app_protocol, "buffer_updated"):
            self._app_protocol_get_buffer = app_protocol.get_buffer
            self._app_protocol_buffer_updated = app_protocol.buffer_updated
            self._app_protocol_is_buffer = True

    @property
    def _context(self):
        """The context that callbacks run in; under TLS over TLS that of the connection below."""
        return getattr(_connection_below(self), "_context", None)

    def _on_handshake_complete(self, handshake_exc):
        if handshake_exc is None:
            # What stands behind `ssl.SSLObject`, whose methods do nothing but call it.
            sslobj = self._sslobj
            within = sslobj._sslobj if type(sslobj) is ssl.SSLObject else sslobj
            self._read, self._write, self._pending = within.read, within.write, within.pending
        # The waiter's callbacks are ready by then, and come first.
        self._do_read = self._read_soon
        try:
            super()._on_handshake_complete(handshake_exc)
        finally:
            del self._do_read
            # The error's traceback holds this frame: no cycle that keeps the transport (gh-159049).
            handshake_exc = None

    def get_buffer(self, n):
        # As long as asyncio's ever is.
        return self._ssl_buffer_view

    def buffer_updated(self, nbytes):
        if self._state is not _WRAPPED:
            super().buffer_updated(nbytes)
            return
        self._incoming.write(self._ssl_buffer_view[:nbytes])
        self._do_read()

    def _do_read(self):
        if self._state is not _WRAPPED or self._app_reading_paused:
            super()._do_read()
            return
        try:
            if self._app_protocol_is_buffer:
                self._do_read__buffered()
            else:
                self._do_read__copied()
            if self._write_backlog:
                self._do_write()
            elif self._outgoing.pending or self._app_writing_paused:
                self._process_outgoing()
            if self._incoming.pending or self._ssl_reading_paused:
                self._control_ssl_reading()
        except Exception as exc:
            self._fatal_error(exc, "Fatal error on SSL protocol")

    def _write_appdata(self, list_of_data):
        if self._state is not _WRAPPED or self._write_backlog:
            super()._write_appdata(list_of_data)
            return
        pieces = iter(list_of_data)
        # What the program's iterable raises is its own.
        for data in pieces:
            size = len(data)
            try:
                count = self._write(data)
            except SSLAgainErrors:
                break
            except Exception as exc:
                self._fatal_error(exc, "Fatal error on SSL protocol")
                return
            if count < size:
                data = memoryview(data)[count:]
                break
        else:
            try:
                self._process_outgoing()
            except Exception as exc:
                self._fatal_error(exc, "Fatal error on SSL protocol")
            return
        super()._write_appdata(itertools.chain((data,), pieces))

    def _process_outgoing(self):
        if not self._ssl_writing_paused:
            data = self._outgoing.read()
            if data:
                self._transport.write(data)
        size = self._outgoing.pending + self._write_buffer_size
        paused = self._app_writing_paused
        if size <= self._outgoing_low_water if paused else size >= self._outgoing_high_water:
            self._control_app_writing()

    def _do_read__copied(self):
        read, incoming, chunks, chunk = self._read, self._incoming, [], None
        try:
            while chunk := read(_RECORD_BYTES):
                chunks.append(chunk)
                # Another read would find nothing, and an exception that says so costs more than the read of a message.
                if not incoming.pending and not incoming.eof and not self._pending():
                    break
        except SSLAgainErrors:
            pass
        if chunks:
            self._app_protocol.data_received(chunks[0] if len(chunks) == 1 else b"".join(chunks))
        if chunk == b"":
            # close_notify
            self._call_eof_received()
            self._start_shutdown()

    def _do_read__buffered(self):
        # What has filled a buffer is followed by more: in a later turn, but at once where the peer has ended, for there is none.
        while self._fill_buffer():
            if self._state is not SSLProtocolState.FLUSHING:
                self._loop.call_soon(self._do_read)
                break
            if self._app_reading_paused:
                break

    def _fill_buffer(self):
        """Hand on what has come; True where it has filled the buffer."""
        read, incoming = self._read, self._incoming
        buffer = self._app_protocol_get_buffer(self._get_read_buffer_size())
        room, filled, count = len(buffer), 0, None
        try:
            while count := read(room - filled, memoryview(buffer)[filled:] if filled else buffer):
                filled += count
                if filled == room:
                    break
                if not incoming.pending and not incoming.eof and not self._pending():
                    break
        except SSLAgainErrors:
            pass
        if filled:
            self._app_protocol_buffer_updated(filled)
        if count == 0:
            # close_notify
            self._call_eof_received()
            self._start_shutdown()
        return 0 < filled == room

    def _read_soon(self):
        self._process_outgoing()
        self._loop.call_soon(super()._do_read, context=self._context)

    def _start_shutdown(self):
        if self._state is SSLProtocolState.WRAPPED:
            self._closed_here = True
        super()._start_shutdown()

    def _do_flush(self):
        if self._closed_here and self._state is SSLProtocolState.FLUSHING:
            try:
                self._discard_incoming()
                self._do_write()
                self._control_ssl_reading()
            except Exception as exc:
                self._fatal_error(exc, "Fatal error on SSL protocol")
                return
            self._set_state(SSLProtocolState.SHUTDOWN)
            self._do_shutdown()
        else:
            super()._do_flush()

    def _do_shutdown(self):
        if self._closed_here:
            try:
                self._discard_incoming()
            except ssl.SSLError as exc:
                self._on_shutdown_complete(exc)
                return
        super()._do_shutdown()

    def _discard_incoming(self):
        try:
            while self._sslobj.read(self.max_size):
                pass
        except (*SSLAgainErrors, ssl.SSLZeroReturnError):
            pass

    def _resume_reading(self):
        if self._app_reading_paused:
            self._app_reading_paused = False
            self._loop.call_soon(self._go_on_reading, context=self._context)

    def _go_on_reading(self):
        if self._state is SSLProtocolState.WRAPPED:
            self._do_read()
        elif self._state is SSLProtocolState.FLUSHING:
            self._do_flush()
        elif self._state is SSLProtocolState.SHUTDOWN:
            self._do_shutdown()

    def _control_app_writing(self):
        judge = super()._control_app_writing
        run = getattr(_connection_below(self), "_in_context", None)
        judge() if run is None else run(judge)


def _connection_below(protocol):
    """The transport that TLS, or several layers of it, is spoken over."""
    transport = protocol._transport
    while isinstance(transport, _SSLProtocolTransport):
        below = transport._ssl_protocol
        transport = below._transport if below is not None else None
    return transport


def check_tls_arguments(context, server_hostname, handshake_timeout, shutdown_timeout):
    """asyncio's complaints about TLS arguments without TLS. Raises ValueError."""
    if context:
        return
    if server_hostname is not None:
        raise ValueError("server_hostname is only meaningful with ssl")
    if handshake_timeout is not None:
        raise ValueError("ssl_handshake_timeout is only meaningful with ssl")
    if shutdown_timeout is not None:
        raise ValueError("ssl_shutdown_timeout is only meaningful with ssl")


def check_no_tls_socket(sock):
    """asyncio wraps plain sockets only. Raises TypeError."""
    if isinstance(sock, ssl.SSLSocket):
        raise TypeError("Socket cannot be of type SSLSocket")


def make_tls_protocol(loop, protocol, context, waiter, server_side, server_hostname, timeouts, call_connection_made=True):
    """The protocol that speaks TLS for `protocol`.

    `context` is an SSLContext, or true for a default one (clients only). `timeouts`: handshake and shutdown, in seconds or
    None. `waiter` is resolved when the handshake is over.
    """
    if isinstance(context, bool):
        context = None
    handshake_timeout, shutdown_timeout = timeouts
    return TlsProtocol(
        loop,
        protocol,
        context,
        waiter,
        server_side,
        server_hostname,
        call_connection_made=call_connection_made,
        ssl_handshake_timeout=handshake_timeout,
        ssl_shutdown_timeout=shutdown_timeout,
    )


def accepting_with_tls(loop, protocol_factory, context, timeouts):
    """A protocol factory for a listener whose connections speak TLS."""

    def make():
        waiter = loop.create_future()
        protocol = protocol_factory()
        tls = make_tls_protocol(loop, protocol, context, waiter, True, None, timeouts)
        # A task, because the end of a run cancels tasks: a handshake in the middle of which it ends would stay as it is.
        task = loop.create_task(_until_hands_are_shaken(waiter))
        task.add_done_callback(functools.partial(_handshake_over, loop, protocol, tls._app_transport))
        return tls

    return make


async def _until_hands_are_shaken(waiter):
    try:
        await waiter
    finally:
        # The error's traceback holds this frame: no cycle.
        waiter = None


def _handshake_over(loop, protocol, transport, task):
    error = asyncio.CancelledError() if task.cancelled() else task.exception()
    if error is None:
        return
    # Not in the task, which may be cancelled before it begins.
    if not transport.is_closing():
        transport.close()
    # A client that cannot shake hands is everyday life: asyncio tells of it in debug mode only.
    if loop.get_debug():
        text = "Error on transport creation for incoming connection"
        details = {"message": text, "exception": error, "protocol": protocol, "transport": transport}
        loop.call_exception_handler(details)


class StartingTls:
    """`start_tls`."""

    __slots__ = ()

    async def start_tls(
        self,
        transport,
        protocol,
        sslcontext,
        *,
        server_side=False,
        server_hostname=None,
        ssl_handshake_timeout=None,
        ssl_shutdown_timeout=None,
    ):
        """Upgrade a connection to TLS: the transport to use from now on. Raises TypeError, ssl.SSLError, OSError."""
        if not isinstance(sslcontext, ssl.SSLContext):
            raise TypeError(f"sslcontext is expected to be an instance of ssl.SSLContext, got {sslcontext!r}")
        if not getattr(transport, "_start_tls_compatible", False):
            raise TypeError(f"transport {transport!r} is not supported by start_tls()")
        waiter = self.create_future()
        timeouts = ssl_handshake_timeout, ssl_shutdown_timeout
        tls = make_tls_protocol(
            self, protocol, sslcontext, waiter, server_side, server_hostname, timeouts, call_connection_made=False
        )
        # Nothing may arrive before the TLS protocol has been told of its connection.
        transport.pause_reading()
        if server_side:
            _hand_over_what_was_read(protocol, tls)
        transport.set_protocol(tls)
        made = self.call_soon(tls.connection_made, transport)
        resumed = self.call_soon(transport.resume_reading)
        try:
            await waiter
        except BaseException:
            transport.close()
            made.cancel()
            resumed.cancel()
            # The traceback of the waiter's exception holds this frame: no cycle that keeps the transport.
            waiter = None
            raise
        return tls._app_transport


def _hand_over_what_was_read(protocol, tls):
    """A client may begin its handshake before the server has got to `start_tls`: a stream reader has those bytes (gh-142352).

    Only on the server's side: what a client has read before is not part of the handshake.
    """
    reader = getattr(protocol, "_stream_reader", None) if isinstance(protocol, asyncio.StreamReaderProtocol) else None
    if getattr(type(reader), "_buffer", None) is _ferrio.StreamReader._buffer:
        # To look at `_buffer` would make a bytearray of it, for good.
        tls._incoming.write(reader._take_buffered())
        return
    buffer = getattr(reader, "_buffer", None)
    if buffer:
        tls._incoming.write(buffer)
        buffer.clear()


async def wait_until_made(transport, waiter):
    """Wait for `connection_made` and, with TLS, for the handshake; close the transport if it comes to nothing."""
    try:
        await waiter
    except BaseException:
        transport.close()
        waiter = None
        raise
