"""``python -m ferrio --nested``: programs for notebooks run; without it their error names the option."""

import os
import subprocess
import sys
import textwrap

import pytest

pytest.importorskip("ferrio")

HINT = "ferrio: this program runs a loop inside its own run, which it may with python -m ferrio --nested …"

PROGRAM = """\
import asyncio, multiprocessing, sys

async def answer():
    return 42

async def main(run):
    coro = answer()
    try:
        return run(coro)
    finally:
        coro.close()

def by_name(name):
    if name == "until_complete":
        return lambda coro: asyncio.get_running_loop().run_until_complete(coro)
    if name == "other":
        loop = asyncio.new_event_loop()
        return lambda coro: (loop.run_until_complete(coro), loop.close())[0]
    return asyncio.run if name == "run" else asyncio.Runner().run

def work(name):
    return asyncio.run(main(by_name(name)))

if __name__ == "__main__":
    name = sys.argv[1]
    if name in ("fork", "forkserver", "spawn"):
        with multiprocessing.get_context(name).Pool(1) as pool:
            print(pool.apply(work, ("run",)))
    else:
        print(work(name))
"""


@pytest.fixture
def start(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)

    def start(*arguments, program=path):
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONASYNCIODEBUG"}
        return subprocess.run(
            [sys.executable, "-W", "ignore", *arguments[:1], *arguments[1:-1], str(program), arguments[-1]],
            capture_output=True,
            text=True,
            env={**environment, "PYTHONIOENCODING": "utf-8"},
        )

    return start


@pytest.mark.parametrize("name", ["until_complete", "other", "run", "runner"])
def test_it_runs(start, name):
    done = start("-m", "ferrio", "--nested", name)
    assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr


@pytest.mark.parametrize("name", ["until_complete", "other", "run", "runner"])
def test_without_it_the_last_line_of_the_error_names_it(start, name):
    stock = start("-I", name)
    done = start("-m", "ferrio", name)
    assert done.returncode == stock.returncode == 1
    error = stock.stderr.splitlines()[-1]
    assert error.startswith("RuntimeError: ")
    assert done.stderr.splitlines()[-2:] == [error, HINT]


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_children_inherit_it(start, method):
    done = start("-m", "ferrio", "--nested", method)
    assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr


def test_other_errors_have_no_such_line(start, tmp_path):
    program = tmp_path / "other.py"
    program.write_text(textwrap.dedent("""\
        import sys
        if sys.argv[1] == "another class":
            raise ValueError("This event loop is already running")
        raise RuntimeError("This event loop is already running, they say")
        """))
    for name in ("another class", "another text"):
        done = start("-m", "ferrio", name, program=program)
        assert done.returncode == 1
        assert done.stderr == start("-I", name, program=program).stderr


def test_with_it_there_is_no_such_line(start, tmp_path):
    program = tmp_path / "other.py"
    program.write_text('raise RuntimeError("This event loop is already running")\n')
    done = start("-m", "ferrio", "--nested", "", program=program)
    assert done.returncode == 1 and "--nested" not in done.stderr
