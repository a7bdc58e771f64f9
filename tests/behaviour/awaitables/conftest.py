"""Here a third flavour has ferrio's functions on asyncio's own loop."""

import pytest
from flavours import FLAVOURS_AND_STOCK_LOOP


@pytest.fixture(params=FLAVOURS_AND_STOCK_LOOP, ids=lambda flavour: flavour.name)
def flavour(request):
    """The implementation under test: name, lib, new_event_loop, Future, Task."""
    return request.param


@pytest.fixture
def lib(flavour):
    """The module whose functions are under test: asyncio or ferrio."""
    return flavour.lib
