"""pytest-asyncio, whose loops come from one of three places."""

import pytest

PROGRAM = "pytest_asyncio_tests.py"


def test_with_ferrio_installed(on_both):
    on_both(PROGRAM, "default")


@pytest.mark.parametrize("way", ["hook", "policy"])
def test_with_a_loop_handed_on(handed_both, way):
    handed_both(PROGRAM, way)
