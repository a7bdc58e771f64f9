"""TLS over ferrio's stream transports, spoken by asyncio's own `asyncio.sslproto`: its timeouts, its errors, its shutdown.

An `SSLProtocol` is the protocol of our transport and has a transport of its own for the program.
"""

import asyncio
import functools
import ssl
from asyncio.sslproto import SSLProtocol


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
    return SSLProtocol(
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
        waiter.add_done_callback(functools.partial(_handshake_over, loop, protocol))
        return make_tls_protocol(loop, protocol, context, waiter, True, None, timeouts)

    return make


def _handshake_over(loop, protocol, waiter):
    # A client that cannot shake hands is everyday life: asyncio tells of it in debug mode only.
    error = None if waiter.cancelled() else waiter.exception()
    if error is not None and loop.get_debug():
        text = "Error on transport creation for incoming connection"
        loop.call_exception_handler({"message": text, "exception": error, "protocol": protocol})


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
