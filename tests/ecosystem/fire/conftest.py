"""Programs whose servers die: run as those of the directory above, in the short form or, with FERRIO_FIRE=long, in the long one."""

import functools
import json
import os
import pathlib

import pytest
from figures_of import surroundings

HERE = pathlib.Path(__file__).parent
OUT = os.environ.get("FERRIO_FIRE_OUT")
LONG = os.environ.get("FERRIO_FIRE") == "long"


@pytest.fixture
def long():
    """``long(short_form, long_form)``: the one that this run is."""
    return lambda short_form, long_form: long_form if LONG else short_form


@pytest.fixture(scope="session")
def figures(tmp_path_factory):
    """The file where programs note theirs; all of them go to the file $FERRIO_FIRE_OUT."""
    noted = tmp_path_factory.mktemp("figures") / "noted"
    noted.touch()
    return noted


@pytest.fixture
def fire(on_both, figures):
    """``fire("redis_fire.py", *args)``: `on_both` for a program of ours, which may import what those above do."""
    return functools.partial(_run, on_both, figures)


@pytest.fixture
def old_fire(also_with_legacy, figures):
    """The same, and under --legacy too."""
    return functools.partial(_run, also_with_legacy, figures)


def _run(compare, figures, program, *args, libraries=""):
    path = os.pathsep.join(filter(None, (str(HERE.parent / "programs"), libraries)))
    # Of malloc's arenas, one per thread, each would keep its own peak.
    environment = {"PYTHONPATH": path, "FIGURES": str(figures), "MALLOC_ARENA_MAX": "1"}
    output = compare(HERE / "programs" / program, *args, **environment)
    if OUT:
        lines = [json.loads(line) for line in figures.read_text().splitlines()]
        pathlib.Path(OUT).write_text(json.dumps({**surroundings(), "figures": lines}, indent=1) + "\n")
    return output
