"""Here the flavours also say whose classes are under test, and a third one has ferrio's classes on
asyncio's own loop."""

import asyncio
import os
import types

import pytest

ONLY_STOCK = os.environ.get("FERRIO_ONLY_STOCK") == "1"
if not ONLY_STOCK:
    import ferrio


def _flavours():
    yield types.SimpleNamespace(
        name="asyncio",
        lib=asyncio,
        new_event_loop=asyncio.new_event_loop,
        Future=asyncio.Future,
        Task=asyncio.Task,
    )
    if not ONLY_STOCK:
        yield types.SimpleNamespace(
            name="ferrio",
            lib=ferrio,
            new_event_loop=ferrio.new_event_loop,
            Future=ferrio.Future,
            Task=ferrio.Task,
        )
        yield types.SimpleNamespace(
            name="ferrio-on-stock-loop",
            lib=ferrio,
            new_event_loop=asyncio.new_event_loop,
            Future=asyncio.Future,
            Task=asyncio.Task,
        )


@pytest.fixture(params=_flavours(), ids=lambda flavour: flavour.name)
def flavour(request):
    """The implementation under test: name, lib, new_event_loop, Future, Task."""
    return request.param


@pytest.fixture
def lib(flavour):
    """The module whose classes are under test: asyncio or ferrio."""
    return flavour.lib
