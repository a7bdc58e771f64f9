"""A cancelled `create_server` leaves no server.

Found by `tests/stress/programs/cancelled.py`, which cancels an operation at every point: cancelled
in the turn that it gives to waiting connections, it had begun to listen and nobody had the server.
asyncio still does that.
"""

import asyncio
import socket

import pytest


@pytest.mark.parametrize("turns", range(6))
def test_nobody_listens_when_it_is_cancelled(flavour, run, turns):
    if flavour.name == "asyncio":
        pytest.skip("stock listens for as long as the loop lives")

    async def main():
        loop = asyncio.get_running_loop()
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            address = sock.getsockname()
            task = loop.create_task(loop.create_server(asyncio.Protocol, sock=sock))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            try:
                server = await task
            except asyncio.CancelledError:
                with pytest.raises(ConnectionRefusedError):
                    await loop.create_connection(asyncio.Protocol, *address)
            else:
                assert turns > 1
                server.close()
                await server.wait_closed()

    run(main())
