"""A child that ends while its pipes get their transports: the protocol hears of the end once, and
last.

Found by `tests/behaviour/network/test_processes.py` when starting a child came to take a few turns
more: between one pipe and the next, every pipe there was had closed.
"""

import asyncio

import pytest


@pytest.mark.parametrize("program", ["true", "echo out; echo err >&2"])
def test_connection_lost_comes_once_and_last(flavour, run, program):
    if flavour.name == "asyncio":
        pytest.skip("stock never tells of the end if a pipe has lost its connection so early")

    class Told(asyncio.SubprocessProtocol):
        def __init__(self):
            self.events = []
            self.over = asyncio.get_running_loop().create_future()

        def pipe_data_received(self, fd, data):
            self.events.append((fd, data))

        def pipe_connection_lost(self, fd, exc):
            self.events.append(fd)

        def process_exited(self):
            self.events.append("exited")

        def connection_lost(self, exc):
            self.events.append("lost")
            if not self.over.done():
                self.over.set_result(None)

    async def main():
        loop = asyncio.get_running_loop()
        connect_read_pipe = loop.connect_read_pipe

        async def slowly(*args):
            connected = await connect_read_pipe(*args)
            # The child and this pipe come to their ends meanwhile.
            await asyncio.sleep(0.05)
            return connected

        loop.connect_read_pipe = slowly
        transport, protocol = await loop.subprocess_exec(Told, "sh", "-c", program)
        await protocol.over
        for _ in range(10):
            await asyncio.sleep(0)
        assert protocol.events.count("lost") == 1
        assert protocol.events[-1] == "lost"
        assert {0, 1, 2, "exited"} <= set(protocol.events)
        transport.close()

    run(main())
