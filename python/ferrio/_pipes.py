"""`connect_read_pipe`. The transport is native."""

import os
import stat


def check_pipe(pipe):
    """asyncio's complaint about a file that cannot be waited for. Raises ValueError."""
    mode = os.fstat(pipe.fileno()).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)):
        raise ValueError("Pipe transport is for pipes/sockets only.")


class Piping:
    """`connect_read_pipe`."""

    __slots__ = ()

    async def connect_read_pipe(self, protocol_factory, pipe):
        """Read from a file object over a pipe, FIFO, terminal or socket, which is the transport's from now on:
        (transport, protocol). Raises ValueError for other files."""
        protocol = protocol_factory()
        waiter = self.create_future()
        check_pipe(pipe)
        os.set_blocking(pipe.fileno(), False)
        transport = self._make_read_pipe_transport(pipe, protocol, waiter)
        try:
            await waiter
        except BaseException:
            transport.close()
            raise
        return transport, protocol
