"""The short programs print the same lines under python and under python -m ferrio."""

import pathlib
import subprocess
import sys

import pytest

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
DEMO = {"download.py", "download_demo.py", "make_pictures.py", "picture_server.py"}
# They need a server each: test_programs_with_servers.py.
WITH_SERVERS = {"image_download.py", "with_mysql.py", "with_redis.py"}
# What they show only ferrio has: the options that they are run with, and the error without.
NEED_FERRIO = {
    "nested_run.py": ("--nested", "RuntimeError: asyncio.run() cannot be called from a running event loop"),
    "old_style.py": ("--legacy", "AttributeError: module 'asyncio' has no attribute 'coroutine'"),
}
PROGRAMS = sorted(
    path for path in EXAMPLES.glob("*.py") if path.name not in DEMO | WITH_SERVERS | NEED_FERRIO.keys()
)

WATCHDOG_SECONDS = 120  # only a hang takes so long


def output(*command):
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        capture_output=True,
        text=True,
        timeout=WATCHDOG_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_they_are_all_there():
    assert {path.stem for path in PROGRAMS} == {
        "async_context_manager",
        "basic",
        "callbacks",
        "executors",
        "future_set_by_another_task",
        "http_server_and_client",
        "nested_coroutines",
        "several_tasks",
    }


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_it_prints_the_same(path):
    stock = output(path)
    assert stock.count("\n") > 4
    assert output("-m", "ferrio", path) == stock


@pytest.mark.parametrize("name", NEED_FERRIO)
def test_without_its_option_it_fails(name):
    _, error = NEED_FERRIO[name]
    for flags in ([], ["-m", "ferrio"]):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", *flags, str(EXAMPLES / name)],
            capture_output=True,
            text=True,
            timeout=WATCHDOG_SECONDS,
        )
        assert done.returncode == 1
        assert error in done.stderr


def test_nested_run():
    assert output("-m", "ferrio", "--nested", EXAMPLES / "nested_run.py").splitlines() == [
        "text: INDEX",
        "other tasks went on: True",
        "sorted: ['a', 'b', 'c']",
        "in the callback: NEWS",
        "result: NEWS",
        "main is the current task again: True",
    ]


def test_old_style():
    # Each old use warns, which is what the flag turns off.
    assert output("-W", "ignore", "-m", "ferrio", "--legacy", EXAMPLES / "old_style.py").splitlines() == [
        "a coroutine function: True",
        "in the callback: 2",
        "result: 2",
        "done: ['a', 'b'] pending: 0",
        "in turns: [0, 0, 1, 1, 2, 2]",
        "locked: True",
        "old and new: 4",
    ]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_it_knows_nothing_of_ferrio_and_is_short(path):
    text = path.read_text()
    if path.name != "download_demo.py":
        # The option is told in the first lines.
        program = text.split('"""', 2)[2] if path.name in NEED_FERRIO else text
        assert "ferrio" not in program
        assert len(text.splitlines()) <= (80 if path.name in DEMO else 60)
