"""`create_connection` and its relatives: which address to try next. The connection itself is native.

Semantics: "Opening network connections" of the asyncio documentation; RFC 8305 for happy eyeballs.
"""

import asyncio
import collections
import itertools
import os
import socket
import stat
import sys

from ._tls import check_no_tls_socket, check_tls_arguments, make_tls_protocol, wait_until_made

_INTERNET = {socket.AF_INET, socket.AF_INET6}
#: The protocol that a kind of internet socket speaks.
_PROTOCOLS = {socket.SOCK_STREAM: socket.IPPROTO_TCP, socket.SOCK_DGRAM: socket.IPPROTO_UDP}

#: Since 3.14 a socket that the program has given is closed, too, if there comes to be no transport (gh-153133).
_CLOSES_WHAT_IS_GIVEN = sys.version_info >= (3, 14)

# Later releases of 3.12 put the number into the message, too. Asked of asyncio's own.
_BINDING_SAYS_STRERROR = "strerror" in asyncio.BaseEventLoop._connect_sock.__code__.co_names


def interleave(infos, first_family_count=1):
    """Alternate address families: RFC 8305 section 4."""
    families = collections.OrderedDict()
    for info in infos:
        families.setdefault(info[0], []).append(info)
    queues = list(families.values())
    ordered = []
    if first_family_count > 1:
        ordered.extend(queues[0][: first_family_count - 1])
        del queues[0][: first_family_count - 1]
    rounds = itertools.zip_longest(*queues)
    ordered.extend(info for info in itertools.chain.from_iterable(rounds) if info is not None)
    return ordered


def numeric_info(host, port, family, type, proto, flowinfo=0, scopeid=0):
    """The one answer of getaddrinfo for a numeric host and port, without asking; None if it is not that simple."""
    protocol = _PROTOCOLS.get(type)
    if proto not in {0, protocol} or protocol is None or host is None:
        return None
    try:
        port = 0 if port in (None, "", b"") else int(port)
    except (TypeError, ValueError):
        return None
    if isinstance(host, bytes):
        host = host.decode("idna")
    if "%" in host:
        return None
    for candidate in [family] if family != socket.AF_UNSPEC else [socket.AF_INET, socket.AF_INET6]:
        try:
            socket.inet_pton(candidate, host)
        except (OSError, ValueError):
            continue
        address = (host, port, flowinfo, scopeid) if candidate == socket.AF_INET6 else (host, port)
        return candidate, type, protocol, "", address
    return None


async def resolve(loop, address, *, family=0, type=socket.SOCK_STREAM, proto=0, flags=0, shown=""):
    """The addresses behind (host, port); OSError, whose text has `shown` as the question, if there is none."""
    host, port = address[:2]
    info = numeric_info(host, port, family, type, proto, *address[2:])
    if info is not None:
        return [info]
    infos = await loop.getaddrinfo(host, port, family=family, type=type, proto=proto, flags=flags)
    if not infos:
        raise OSError(f"getaddrinfo({shown}) returned empty list")
    return infos


def bind_to_one_of(sock, family, locals_, errors):
    """Bind to the first local address that works, and note the OSErrors of those before it. Raises OSError if none does."""
    for lfamily, _, _, _, address in locals_:
        if lfamily != family:
            continue
        try:
            sock.bind(address)
            return
        except OSError as exc:
            reason = exc.strerror if _BINDING_SAYS_STRERROR else str(exc)
            text = f"error while attempting to bind on address {address!r}: {reason.lower()}"
            errors.append(OSError(exc.errno, text))
    raise errors.pop() if errors else OSError(f"no matching local address with {family=} found")


async def connect_one(loop, attempts, info, locals_):
    """A connected socket for one address; the list of its OSErrors is appended to `attempts`."""
    family, type_, proto, _, address = info
    errors = []
    attempts.append(errors)
    sock = None
    try:
        sock = socket.socket(family=family, type=type_, proto=proto)
        sock.setblocking(False)
        if locals_ is not None:
            bind_to_one_of(sock, family, locals_, errors)
        await loop.sock_connect(sock, address)
        return sock
    except OSError as exc:
        errors.append(exc)
        if sock is not None:
            sock.close()
        raise
    except BaseException:
        if sock is not None:
            sock.close()
        raise


async def connect_first(loop, attempts, infos, locals_, delay):
    """The first socket that connects, tried one after the other or, with a delay, staggered (RFC 8305 section 5).

    None if there is no such; the OSErrors until then are in the lists in `attempts`.
    """
    if delay is None:
        for info in infos:
            try:
                return await connect_one(loop, attempts, info, locals_)
            except OSError:
                continue
        return None
    others = []
    try:
        sock = await _race(loop, attempts, others, infos, locals_, delay)
        if sock is None and others and not any(attempts):
            # asyncio has nothing to raise here, and fails with an IndexError.
            raise others[0]
        return sock
    finally:
        others.clear()


async def _race(loop, attempts, others, infos, locals_, delay):
    # What an attempt raises that is no OSError goes to `others`, and does not end the race.
    pending = set()
    waiting = collections.deque(infos)
    winner = None
    try:
        while waiting or pending:
            if waiting:
                pending.add(loop.create_task(connect_one(loop, attempts, waiting.popleft(), locals_)))
            done, pending = await asyncio.wait(
                pending,
                timeout=delay if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                error = asyncio.CancelledError() if task.cancelled() else task.exception()
                if isinstance(error, (SystemExit, KeyboardInterrupt)):
                    raise error
                if error is not None:
                    if not isinstance(error, OSError):
                        others.append(error)
                elif winner is None:
                    winner = task.result()
                else:
                    task.result().close()
            if winner is not None:
                return winner
        return None
    finally:
        for task in pending:
            task.cancel()
        try:
            results = await asyncio.gather(*pending, return_exceptions=True)
        except BaseException:
            # Cancelled here: nobody is left who would take the winner.
            if winner is not None:
                winner.close()
            raise
        for result in results:
            if isinstance(result, socket.socket):
                result.close()


def raise_all(errors, all_errors):
    """What asyncio raises when no address could be connected."""
    if all_errors:
        # It keeps the list it is given among its `args`; this one is emptied.
        raise ExceptionGroup("create_connection failed", list(errors))
    model = str(errors[0])
    if all(str(exc) == model for exc in errors):
        raise errors[0]
    raise OSError("Multiple exceptions: {}".format(", ".join(str(exc) for exc in errors)))


def unix_path(path):
    """A path or an abstract name as `socket` takes it."""
    return os.fspath(path)


def remove_stale_socket(path):
    """Unlink a unix socket that a dead server has left behind; anything else stays."""
    if path[:1] in ("\0", b"\0", 0) or not path:
        return
    try:
        if stat.S_ISSOCK(os.stat(path).st_mode):
            os.remove(path)
    except FileNotFoundError:
        pass
    except OSError as exc:
        asyncio.log.logger.error("Unable to check or remove stale UNIX socket %r: %r", path, exc)


class Connecting:
    """`create_connection`, `create_unix_connection`, `connect_accepted_socket`."""

    __slots__ = ()

    async def create_connection(
        self,
        protocol_factory,
        host=None,
        port=None,
        *,
        ssl=None,
        family=0,
        proto=0,
        flags=0,
        sock=None,
        local_addr=None,
        server_hostname=None,
        ssl_handshake_timeout=None,
        ssl_shutdown_timeout=None,
        happy_eyeballs_delay=None,
        interleave=None,
        all_errors=False,
    ):
        """Connect to host:port, or take a connected `sock`: (transport, protocol). Raises OSError, ValueError."""
        check_tls_arguments(ssl, server_hostname, ssl_handshake_timeout, ssl_shutdown_timeout)
        if ssl and server_hostname is None:
            if not host:
                raise ValueError("You must set server_hostname when using ssl without a host")
            server_hostname = host
        check_no_tls_socket(sock)
        if sock is not None and (host is not None or port is not None):
            raise ValueError("host/port and sock can not be specified at the same time")
        if sock is None and host is None and port is None:
            raise ValueError("host and port was not specified and no sock specified")
        if sock is not None and sock.type != socket.SOCK_STREAM:
            raise ValueError(f"A Stream Socket was expected, got {sock!r}")
        given = sock is not None
        if not given:
            if happy_eyeballs_delay is not None and interleave is None:
                interleave = 1
            sock = await self._connect_socket(
                (host, port), family, proto, flags, local_addr, happy_eyeballs_delay, interleave, all_errors
            )
        timeouts = ssl_handshake_timeout, ssl_shutdown_timeout
        return await self._connected(sock, protocol_factory, ssl, False, server_hostname, timeouts, given)

    async def _connect_socket(self, address, family, proto, flags, local_addr, delay, first, all_errors):
        infos = await resolve(self, address, family=family, proto=proto, flags=flags)
        locals_ = None
        if local_addr is not None:
            locals_ = await resolve(self, local_addr, family=family, proto=proto, flags=flags)
        if first:
            infos = interleave(infos, first)
        attempts, errors = [], []
        try:
            sock = await connect_first(self, attempts, infos, locals_, delay)
            if sock is None:
                errors.extend(itertools.chain.from_iterable(attempts))
                raise_all(errors, all_errors)
            return sock
        finally:
            # Frames in the errors' tracebacks hold these lists, which hold the errors: no cycle through them.
            for noted in (*attempts, errors):
                noted.clear()

    async def _connected(self, sock, protocol_factory, context, server_side, server_hostname, timeouts, given):
        """A transport over a connected socket, after connection_made and, with a TLS context, after the handshake.

        A socket `given` by the program stays open before 3.14 if there is no transport to own it.
        """
        sock.setblocking(False)
        waiter = self.create_future()
        try:
            protocol = protocol_factory()
            if context:
                tls = make_tls_protocol(self, protocol, context, waiter, server_side, server_hostname, timeouts)
                self._make_stream_transport(sock, tls)
                transport = tls._app_transport
            else:
                transport = self._make_stream_transport(sock, protocol, waiter)
        except BaseException:
            if _CLOSES_WHAT_IS_GIVEN or not given:
                sock.close()
            raise
        try:
            await wait_until_made(transport, waiter)
        finally:
            waiter = None
        return transport, protocol

    async def create_unix_connection(
        self,
        protocol_factory,
        path=None,
        *,
        ssl=None,
        sock=None,
        server_hostname=None,
        ssl_handshake_timeout=None,
        ssl_shutdown_timeout=None,
    ):
        """Connect to a unix stream socket: (transport, protocol). Raises OSError, ValueError."""
        if ssl and server_hostname is None:
            raise ValueError("you have to pass server_hostname when using ssl")
        check_tls_arguments(ssl, server_hostname, ssl_handshake_timeout, ssl_shutdown_timeout)
        if path is not None and sock is not None:
            raise ValueError("path and sock can not be specified at the same time")
        if path is None and sock is None:
            raise ValueError("no path and sock were specified")
        given = sock is not None
        if given:
            if sock.family != socket.AF_UNIX or sock.type != socket.SOCK_STREAM:
                raise ValueError(f"A UNIX Domain Stream Socket was expected, got {sock!r}")
        else:
            sock = await self._connect_unix_socket(unix_path(path))
        timeouts = ssl_handshake_timeout, ssl_shutdown_timeout
        return await self._connected(sock, protocol_factory, ssl, False, server_hostname, timeouts, given)

    async def _connect_unix_socket(self, path):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0)
        try:
            sock.setblocking(False)
            await self.sock_connect(sock, path)
        except BaseException:
            sock.close()
            raise
        return sock

    async def connect_accepted_socket(
        self,
        protocol_factory,
        sock,
        *,
        ssl=None,
        ssl_handshake_timeout=None,
        ssl_shutdown_timeout=None,
    ):
        """Take over a connection that was accepted elsewhere: (transport, protocol)."""
        if sock.type != socket.SOCK_STREAM:
            raise ValueError(f"A Stream Socket was expected, got {sock!r}")
        check_tls_arguments(ssl, None, ssl_handshake_timeout, ssl_shutdown_timeout)
        check_no_tls_socket(sock)
        timeouts = ssl_handshake_timeout, ssl_shutdown_timeout
        return await self._connected(sock, protocol_factory, ssl, True, "", timeouts, True)
