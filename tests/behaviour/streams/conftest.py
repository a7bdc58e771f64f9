"""As for the locks: a third flavour has ferrio's streams on asyncio's own loop."""

import asyncio

import pytest
from flavours import FLAVOURS_AND_STOCK_LOOP


@pytest.fixture(params=FLAVOURS_AND_STOCK_LOOP, ids=lambda flavour: flavour.name)
def flavour(request):
    """The implementation under test: name, lib, new_event_loop, Future, Task."""
    return request.param


@pytest.fixture
def lib(flavour):
    """The module whose streams are under test: asyncio or ferrio."""
    return flavour.lib


@pytest.fixture
def reader(lib, loop):
    """A reader with a limit of ten bytes, for ``loop``."""
    return lib.StreamReader(limit=10, loop=loop)


class Transport:
    """A transport that notes what it is asked for."""

    def __init__(self):
        self.calls = []
        self.closing = False

    def pause_reading(self):
        self.calls.append("pause")

    def resume_reading(self):
        self.calls.append("resume")

    def write(self, data):
        self.calls.append(("write", data))

    def writelines(self, data):
        self.calls.append(("writelines", list(data)))

    def is_closing(self):
        return self.closing

    def close(self):
        self.calls.append("close")
        self.closing = True

    def abort(self):
        self.calls.append("abort")

    def get_extra_info(self, name, default=None):
        return default


@pytest.fixture
def transport():
    return Transport()


@pytest.fixture
def turn(loop):
    """Let the loop make a few turns."""

    def turn(times=3):
        async def wait():
            for _ in range(times):
                await asyncio.sleep(0)

        loop.run_until_complete(wait())

    return turn
