"""Programs whose servers die: run as those of the directory above, in the short form or, with FERRIO_FIRE=long, in the long one."""

import functools
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from servers import mortal_mariadb, mortal_postgres, mortal_redis  # noqa: E402, F401 (fixtures)

HERE = pathlib.Path(__file__).parent
LONG = os.environ.get("FERRIO_FIRE") == "long"


@pytest.fixture
def long():
    """``long(short_form, long_form)``: the one that this run is."""
    return lambda short_form, long_form: long_form if LONG else short_form


@pytest.fixture
def fire(on_both):
    """``fire("redis_fire.py", *args)``: `on_both` for a program of ours, which may import what those above do."""
    return functools.partial(_run, on_both)


@pytest.fixture
def old_fire(also_with_legacy):
    """The same, and under --legacy too."""
    return functools.partial(_run, also_with_legacy)


def _run(compare, program, *args, libraries=""):
    path = os.pathsep.join(filter(None, (str(HERE.parent / "programs"), libraries)))
    return compare(HERE / "programs" / program, *args, PYTHONPATH=path)
