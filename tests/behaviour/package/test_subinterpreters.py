"""ferrio is the main interpreter's: any other gets an ImportError, and takes nothing from it."""

import subprocess
import sys

import pytest

PROGRAM = """\
import sys
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

def main_uses_it():
    import asyncio, ferrio
    assert ferrio.run(asyncio.sleep(0, 7)) == 7

def other_tries():
    # From 3.13 on "legacy" ones do not ask whether a module is made for them.
    kind = ("legacy",) if sys.version_info >= (3, 13) else ()
    for given in {(), kind}:
        other = interpreters.create(*given)
        interpreters.run_string(other, '''if True:
            for _ in range(2):
                try:
                    import ferrio
                except ImportError as error:
                    assert "interpreter" in str(error), error
                else:
                    raise AssertionError("it was imported")
            import asyncio
            loop = asyncio.new_event_loop()
            assert loop.run_until_complete(asyncio.sleep(0, 7)) == 7
            loop.close()
            print("refused")
            ''')
        interpreters.destroy(other)

for step in sys.argv[1:]:
    globals()[step]()
"""


ONLY_ASYNCIO = """\
import _xxsubinterpreters as interpreters
other = interpreters.create()
interpreters.run_string(other, "import asyncio")
interpreters.destroy(other)
"""


@pytest.fixture(autouse=True)
def second_interpreters_work():
    """3.12.1 ends with "free(): invalid pointer" when a second one has imported asyncio."""
    if sys.version_info[:2] == (3, 12):
        if subprocess.run([sys.executable, "-c", ONLY_ASYNCIO], capture_output=True).returncode:
            pytest.skip("this release dies of asyncio in a second interpreter")


@pytest.mark.parametrize(
    "steps",
    [["other_tries", "main_uses_it"], ["main_uses_it", "other_tries", "main_uses_it"]],
    ids=["before the main one", "after it"],
)
def test_another_interpreter_is_refused(steps):
    done = subprocess.run([sys.executable, "-c", PROGRAM, *steps], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["refused"] * (2 if sys.version_info >= (3, 13) else 1)
    assert "Error" not in done.stderr
