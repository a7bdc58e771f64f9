"""`create_server` and `create_unix_server`: which sockets to listen on. Accepting is native.

The server object is asyncio's own `asyncio.Server`, whose closing and waiting differ by version; it starts and stops our
listeners through `_start_serving` and `_stop_serving`.
"""

import asyncio
import collections.abc
import errno
import functools
import inspect
import os
import socket
import stat
import sys
import weakref

from ._connect import remove_stale_socket, resolve, unix_path
from ._tls import accepting_with_tls, check_no_tls_socket, check_tls_arguments

_SERVER_TAKES_SHUTDOWN_TIMEOUT = "ssl_shutdown_timeout" in inspect.signature(asyncio.Server).parameters

# Since 3.12.5 an address that the machine does not have is passed over while there are others (gh-75128). Asked of asyncio's own.
_NO_ADDRESS = "could not bind on any address out of "
_PASSES_OVER = _NO_ADDRESS in asyncio.BaseEventLoop.create_server.__code__.co_consts


def make_server(loop, sockets, protocol_factory, context, backlog, timeouts):
    """An asyncio.Server over listening-to-be sockets. `context`: an SSLContext or None; `timeouts`: TLS handshake and
    shutdown, in seconds or None."""
    arguments = [loop, sockets, protocol_factory, context, backlog, *timeouts]
    if not _SERVER_TAKES_SHUTDOWN_TIMEOUT:
        arguments.pop()
    return asyncio.Server(*arguments)


def make_listening_socket(info, reuse_address, reuse_port, keep_alive):
    """A bound socket for one address; None where the machine does not speak the family, or has no such address."""
    family, type_, proto, _, address = info
    try:
        sock = socket.socket(family, type_, proto)
    except OSError:
        return None
    try:
        if reuse_address:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, True)
        if reuse_port and family in (socket.AF_INET, socket.AF_INET6):
            set_reuse_port(sock)
        if keep_alive:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, True)
        if family == socket.AF_INET6:
            # Each family gets a socket of its own.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, True)
        sock.bind(address)
    except OSError as exc:
        sock.close()
        if _PASSES_OVER and exc.errno == errno.EADDRNOTAVAIL:
            # An interface without this family (IPv6 switched off): others may do.
            return None
        reason = str(exc) if _PASSES_OVER else exc.strerror
        text = f"error while attempting to bind on address {address!r}: {reason.lower()}"
        raise OSError(exc.errno, text) from None
    except BaseException:
        sock.close()
        raise
    return sock


def set_reuse_port(sock):
    """SO_REUSEPORT, or ValueError where the kernel has none."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    except (AttributeError, OSError):
        raise ValueError(
            "reuse_port not supported by socket module, "
            "SO_REUSEPORT defined but not implemented."
        ) from None


def bind_unix(path):
    """A unix socket bound to the path, in place of a stale one."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    remove_stale_socket(path)
    try:
        sock.bind(path)
    except OSError as exc:
        sock.close()
        if exc.errno == errno.EADDRINUSE:
            raise OSError(errno.EADDRINUSE, f"Address {path!r} is already in use") from None
        raise
    except BaseException:
        sock.close()
        raise
    return sock


class Serving:
    """`create_server`, `create_unix_server`."""

    __slots__ = ()

    async def create_server(
        self,
        protocol_factory,
        host=None,
        port=None,
        *,
        family=socket.AF_UNSPEC,
        flags=socket.AI_PASSIVE,
        sock=None,
        backlog=100,
        ssl=None,
        reuse_address=None,
        reuse_port=None,
        keep_alive=None,
        ssl_handshake_timeout=None,
        ssl_shutdown_timeout=None,
        start_serving=True,
    ):
        """Listen on host:port (one or several hosts), or on a bound `sock`: an asyncio.Server. Raises OSError, ValueError."""
        if isinstance(ssl, bool):
            raise TypeError("ssl argument must be an SSLContext or None")
        check_tls_arguments(ssl, None, ssl_handshake_timeout, ssl_shutdown_timeout)
        check_no_tls_socket(sock)
        if host is not None or port is not None:
            if sock is not None:
                raise ValueError("host/port and sock can not be specified at the same time")
            if reuse_address is None:
                reuse_address = os.name == "posix" and sys.platform != "cygwin"
            sockets = await self._bind_all(host, port, family, flags, reuse_address, reuse_port, keep_alive)
        else:
            if sock is None:
                raise ValueError("Neither host/port nor sock were specified")
            if sock.type != socket.SOCK_STREAM:
                raise ValueError(f"A Stream Socket was expected, got {sock!r}")
            sockets = [sock]
        timeouts = ssl_handshake_timeout, ssl_shutdown_timeout
        return await self._serve(sockets, protocol_factory, ssl, backlog, timeouts, start_serving)

    async def _bind_all(self, host, port, family, flags, reuse_address, reuse_port, keep_alive):
        if host == "":
            hosts = [None]
        elif isinstance(host, (str, bytes)) or not isinstance(host, collections.abc.Iterable):
            hosts = [host]
        else:
            hosts = host
        found = await asyncio.gather(
            *[resolve(self, (name, port), family=family, flags=flags, shown=repr(name)) for name in hosts]
        )
        # dict: each address once, in order.
        infos = dict.fromkeys(info for answer in found for info in answer)
        sockets = []
        try:
            for info in infos:
                sock = make_listening_socket(info, reuse_address, reuse_port, keep_alive)
                if sock is not None:
                    sockets.append(sock)
            if not sockets and _PASSES_OVER:
                raise OSError(f"{_NO_ADDRESS}{[info[4] for info in infos]!r}")
        except BaseException:
            for sock in sockets:
                sock.close()
            raise
        return sockets

    async def _serve(self, sockets, protocol_factory, context, backlog, timeouts, start_serving):
        for sock in sockets:
            sock.setblocking(False)
        server = make_server(self, sockets, protocol_factory, context, backlog, timeouts)
        if start_serving:
            server._start_serving()
            # asyncio gives accepted connections one turn of the loop here.
            try:
                await asyncio.sleep(0)
            except BaseException:
                # Cancelled: nobody would ever close it. asyncio lets it listen for as long as the loop lives.
                server.close()
                raise
        return server

    async def create_unix_server(
        self,
        protocol_factory,
        path=None,
        *,
        sock=None,
        backlog=100,
        ssl=None,
        ssl_handshake_timeout=None,
        ssl_shutdown_timeout=None,
        start_serving=True,
        cleanup_socket=True,
    ):
        """Listen on a unix socket: an asyncio.Server. From 3.13 on its file is removed when the server closes."""
        if isinstance(ssl, bool):
            raise TypeError("ssl argument must be an SSLContext or None")
        check_tls_arguments(ssl, None, ssl_handshake_timeout, ssl_shutdown_timeout)
        if path is not None:
            if sock is not None:
                raise ValueError("path and sock can not be specified at the same time")
            sock = bind_unix(unix_path(path))
        else:
            if sock is None:
                raise ValueError("path was not specified, and no sock specified")
            if sock.family != socket.AF_UNIX or sock.type != socket.SOCK_STREAM:
                raise ValueError(f"A UNIX Domain Stream Socket was expected, got {sock!r}")
        if cleanup_socket and sys.version_info >= (3, 13):
            self._remember_socket_file(sock)
        timeouts = ssl_handshake_timeout, ssl_shutdown_timeout
        return await self._serve([sock], protocol_factory, ssl, backlog, timeouts, start_serving)

    def _remember_socket_file(self, sock):
        path = sock.getsockname()
        if path and path[:1] not in ("\0", b"\0", 0):
            # Only the very file this socket made is removed: another server may have replaced it meanwhile.
            try:
                self._socket_files[sock] = path, os.stat(path).st_ino
            except FileNotFoundError:
                # Unlinked already, or bound in another directory or mount namespace: nothing to clean up.
                pass

    def _start_serving(
        self,
        protocol_factory,
        sock,
        sslcontext=None,
        server=None,
        backlog=100,
        ssl_handshake_timeout=None,
        ssl_shutdown_timeout=None,
        context=None,
    ):
        # `asyncio.Server` calls this for each of its sockets. Since 3.15 it gives the context in which it was made, in copies
        # of which its connections run; before, they run in copies of the one in which it starts to serve.
        if sslcontext:
            timeouts = ssl_handshake_timeout, ssl_shutdown_timeout
            protocol_factory = accepting_with_tls(self, protocol_factory, sslcontext, timeouts)
        start = super()._start_serving
        (start if context is None else functools.partial(context.run, start))(protocol_factory, sock, server, backlog)

    def _stop_serving(self, sock):
        path, inode = self._socket_files.pop(sock, (None, None))
        super()._stop_serving(sock)
        if path is None:
            return
        try:
            if stat.S_ISSOCK(os.stat(path).st_mode) and os.stat(path).st_ino == inode:
                os.unlink(path)
        except FileNotFoundError:
            pass
        except OSError as exc:
            asyncio.log.logger.error("Unable to clean up listening UNIX socket %r: %r", path, exc)


def socket_files():
    """Where a loop notes the files of its unix servers."""
    return weakref.WeakKeyDictionary()
