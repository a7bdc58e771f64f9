"""anyio on its asyncio backend, whose task groups and cancel scopes look into tasks and futures."""

import pytest

PROGRAMS = pytest.mark.parametrize("program", ["anyio_tasks.py", "anyio_streams.py"])


@PROGRAMS
def test_with_ferrio_installed(on_both, program):
    on_both(program)


@PROGRAMS
def test_with_a_loop_factory(handed_both, program):
    handed_both(program)
