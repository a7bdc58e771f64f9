"""Programs written for nest_asyncio and nest_asyncio2 have their nested run on ferrio's loop, with native tasks and futures."""

import pathlib
import subprocess
import sys

import pytest

PROGRAM = pathlib.Path(__file__).with_name("programs") / "nest_program.py"
TYPES = "ferrio ferrio ferrio ferrio\n"


@pytest.mark.parametrize("comes", ["loop", "install", "launcher", "launcher --nested"])
@pytest.mark.parametrize("applied", ["inside", "outside", "loop", "before"])
@pytest.mark.parametrize("package", ["nest_asyncio", "nest_asyncio2"])
def test_apply_is_taken_as_a_request_for_nested_run(package, applied, comes):
    how, *options = comes.split()
    launcher = ["-m", "ferrio", *options] if how == "launcher" else []
    # Both ask for the policy, of which 3.14 warns; nest_asyncio2 warns of what nest_asyncio does on 3.12 and later.
    command = [sys.executable, "-W", "ignore", *launcher, str(PROGRAM), package, applied, how]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout) == (0, TYPES), done.stderr
    assert done.stderr == ""


def test_asyncios_loops_are_patched_as_before(tmp_path):
    """ferrio is there, and has nothing to do with them."""
    if sys.version_info >= (3, 14):
        pytest.skip("nest_asyncio does not know 3.14")
    program = tmp_path / "program.py"
    program.write_text(
        "import asyncio, ferrio, nest_asyncio\n"
        "async def answer(): return 42\n"
        "async def main():\n"
        "    nest_asyncio.apply()\n"
        "    await asyncio.sleep(0)\n"
        "    assert asyncio.Task is asyncio.tasks._PyTask\n"
        "    return asyncio.get_running_loop().run_until_complete(answer())\n"
        "print(asyncio.new_event_loop().run_until_complete(main()))\n"
    )
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=300)
    assert done.stdout == "42\n", done.stderr
