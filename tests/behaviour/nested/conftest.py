"""Loops that may be run inside their run: ferrio's, and asyncio's own with what ``%load_ext ferrio`` does to them."""

import pytest

ferrio = pytest.importorskip("ferrio")

from ferrio._nested_stock import allow  # noqa: E402


@pytest.fixture
def nestable(loop, flavour):
    """The loop under test, which may be run inside its run; so may `asyncio.run` and `asyncio.Runner.run`."""
    with ferrio.nested():
        if flavour.name == "asyncio":
            allow(loop)
        yield loop


@pytest.fixture
def ours(flavour):
    """Skips the test on asyncio's loop: what it says goes beyond what can be done for that one."""
    if flavour.name != "ferrio":
        pytest.skip("of ferrio's loop only")
