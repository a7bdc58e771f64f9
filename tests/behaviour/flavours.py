"""The implementations that behaviour tests run on, for the `conftest.py` of each directory."""

import asyncio
import os
import types

# Without ferrio the run fails here with its ImportError: half a comparison must not look like a
# whole one.
ONLY_STOCK = os.environ.get("FERRIO_ONLY_STOCK") == "1"
if not ONLY_STOCK:
    import ferrio


def _flavour(name, lib, of_loop):
    """Functions and classes of `lib`, on the loop of `of_loop`, which has futures and tasks of its own."""
    return types.SimpleNamespace(
        name=name,
        lib=lib,
        new_event_loop=of_loop.new_event_loop,
        Future=of_loop.Future,
        Task=of_loop.Task,
    )


#: Stock asyncio, and ferrio.
FLAVOURS = [_flavour("asyncio", asyncio, asyncio)]
#: The same, and what is native in ferrio on asyncio's own loop.
FLAVOURS_AND_STOCK_LOOP = list(FLAVOURS)
if not ONLY_STOCK:
    FLAVOURS.append(_flavour("ferrio", ferrio, ferrio))
    FLAVOURS_AND_STOCK_LOOP += [FLAVOURS[-1], _flavour("ferrio-on-stock-loop", ferrio, asyncio)]
