"""`create_datagram_endpoint`: which addresses to bind and connect a socket to. The transport is native.

Semantics: "Opening network connections" of the asyncio documentation.
"""

import asyncio
import socket
import sys

from ._connect import numeric_info, remove_stale_socket
from ._serve import set_reuse_port
from ._tls import wait_until_made


class DatagramTransport(asyncio.Transport, asyncio.DatagramTransport):
    """What `__class__` of the native transport answers, so that `isinstance` holds for both: asyncio's own is both."""

    __slots__ = ()


async def _pairs_of(loop, addresses, family, proto, flags):
    """((family, proto), [local, remote]) for every family and protocol in which each given address has one."""
    pairs = {}
    for index, address in enumerate(addresses):
        if address is None:
            continue
        if not (isinstance(address, tuple) and len(address) == 2):
            raise TypeError("2-tuple is expected")
        for family_, _, proto_, _, found in await _infos_of(loop, address, family, proto, flags):
            pairs.setdefault((family_, proto_), [None, None])[index] = found
    complete = [
        (key, pair)
        for key, pair in pairs.items()
        if all(found is not None for wanted, found in zip(addresses, pair) if wanted)
    ]
    if not complete:
        raise ValueError("can not get address information")
    return complete


async def _infos_of(loop, address, family, proto, flags):
    kind = socket.SOCK_DGRAM
    info = numeric_info(*address, family, kind, proto)
    if info is not None:
        return [info]
    infos = await loop.getaddrinfo(*address, family=family, type=kind, proto=proto, flags=flags)
    if not infos:
        raise OSError("getaddrinfo() returned empty list")
    return infos


def _unix_pair(local_addr, remote_addr):
    for address in (local_addr, remote_addr):
        if address is not None and not isinstance(address, str):
            raise TypeError("string is expected")
    if local_addr:
        remove_stale_socket(local_addr)
    return [local_addr, remote_addr]


async def _make_socket(loop, family, proto, pair, reuse_port, allow_broadcast):
    """A socket bound to the first address of the pair and connected to the second, where there is one. To be allowed to
    broadcast means to be connected to nobody."""
    local, remote = pair
    sock = socket.socket(family=family, type=socket.SOCK_DGRAM, proto=proto)
    try:
        if reuse_port:
            set_reuse_port(sock)
        if allow_broadcast:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.setblocking(False)
        if local:
            sock.bind(local)
        if remote and not allow_broadcast:
            await loop.sock_connect(sock, remote)
    except BaseException:
        sock.close()
        raise
    return sock


def _check_socket(sock, options):
    """A given socket is taken as it is."""
    if sys.version_info >= (3, 13):
        if sock.type == socket.SOCK_STREAM:
            raise ValueError(f"A datagram socket was expected, got {sock!r}")
    elif sock.type != socket.SOCK_DGRAM:
        raise ValueError(f"A UDP Socket was expected, got {sock!r}")
    problems = ", ".join(f"{name}={value}" for name, value in options.items() if value)
    if problems:
        raise ValueError(
            f"socket modifier keyword arguments can not be used when sock is specified. ({problems})"
        )


class Datagrams:
    """`create_datagram_endpoint`."""

    __slots__ = ()

    async def create_datagram_endpoint(
        self,
        protocol_factory,
        local_addr=None,
        remote_addr=None,
        *,
        family=0,
        proto=0,
        flags=0,
        reuse_port=None,
        allow_broadcast=None,
        sock=None,
    ):
        """Bind and connect a datagram socket, or take `sock`: (transport, protocol). Raises OSError, ValueError, TypeError."""
        remote = None
        given = sock is not None
        if given:
            options = {
                "local_addr": local_addr,
                "remote_addr": remote_addr,
                "family": family,
                "proto": proto,
                "flags": flags,
                "reuse_port": reuse_port,
                "allow_broadcast": allow_broadcast,
            }
            _check_socket(sock, options)
            sock.setblocking(False)
        else:
            sock, remote = await self._open_datagram_socket(
                (local_addr, remote_addr), family, proto, flags, reuse_port, allow_broadcast
            )
        waiter = self.create_future()
        try:
            protocol = protocol_factory()
            transport = self._make_datagram_transport(sock, protocol, remote, waiter)
        except BaseException:
            if not given:
                sock.close()
            raise
        await wait_until_made(transport, waiter)
        return transport, protocol

    async def _open_datagram_socket(self, addresses, family, proto, flags, reuse_port, allow_broadcast):
        """A socket for the first pair of addresses that works, and the remote one."""
        if not any(addresses):
            if family == 0:
                raise ValueError("unexpected address family")
            pairs = [((family, proto), [None, None])]
        elif family == socket.AF_UNIX:
            pairs = [((family, proto), _unix_pair(*addresses))]
        else:
            pairs = await _pairs_of(self, addresses, family, proto, flags)
        errors = []
        for (family, proto), pair in pairs:
            try:
                sock = await _make_socket(self, family, proto, pair, reuse_port, allow_broadcast)
            except OSError as exc:
                errors.append(exc)
            else:
                return sock, pair[1]
        raise errors[0]
