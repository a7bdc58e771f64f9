"""`connect_read_pipe`, `connect_write_pipe`. The transports are native."""

import os
import stat

from ._tls import wait_until_made


class Piping:
    """`connect_read_pipe`, `connect_write_pipe`."""

    __slots__ = ()

    async def connect_read_pipe(self, protocol_factory, pipe):
        """Read from a file object over a pipe, FIFO, terminal or socket, which is the transport's from now on:
        (transport, protocol). Raises ValueError for other files."""
        protocol = protocol_factory()
        waiter = self.create_future()
        mode = os.fstat(pipe.fileno()).st_mode
        if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)):
            raise ValueError("Pipe transport is for pipes/sockets only.")
        os.set_blocking(pipe.fileno(), False)
        transport = self._make_read_pipe_transport(pipe, protocol, waiter)
        await wait_until_made(transport, waiter)
        return transport, protocol

    async def connect_write_pipe(self, protocol_factory, pipe):
        """Write to a file object over a pipe, FIFO, terminal or socket, which is the transport's from now on:
        (transport, protocol). Raises ValueError for other files."""
        protocol = protocol_factory()
        waiter = self.create_future()
        mode = os.fstat(pipe.fileno()).st_mode
        # What can be read from a terminal is input, from a pipe or socket that the other side is gone.
        watches_peer = stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
        if not (watches_peer or stat.S_ISCHR(mode)):
            raise ValueError("Pipe transport is only for pipes, sockets and character devices")
        os.set_blocking(pipe.fileno(), False)
        transport = self._make_write_pipe_transport(pipe, protocol, waiter, watches_peer)
        await wait_until_made(transport, waiter)
        return transport, protocol
