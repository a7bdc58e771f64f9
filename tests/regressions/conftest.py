"""The fixtures and guards of ``tests/behaviour/conftest.py`` (flavour, loop, run, script, reported,
log; watchdog, descriptor count), loaded by path and lent out here.

The tests in this directory are there because something went wrong once; each says how it was found.
"""

import importlib.util
import pathlib

_PATH = pathlib.Path(__file__).resolve().parents[1] / "behaviour" / "conftest.py"
_spec = importlib.util.spec_from_file_location("conftest_of_the_behaviour_tests", _PATH)
_shared = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_shared)

# Whatever a conftest.py may hold, also what is added to that one later: fixtures, hooks, constants.
globals().update({name: value for name, value in vars(_shared).items() if name[:2] != "__"})
