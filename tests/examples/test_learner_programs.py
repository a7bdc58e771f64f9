"""The short programs print the same lines under python and under python -m ferrio."""

import pathlib
import subprocess
import sys

import pytest

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
DEMO = {"download.py", "download_demo.py", "make_pictures.py", "picture_server.py"}
# They need a server each: test_programs_with_servers.py.
WITH_SERVERS = {"image_download.py", "with_mysql.py", "with_redis.py"}
PROGRAMS = sorted(path for path in EXAMPLES.glob("*.py") if path.name not in DEMO | WITH_SERVERS)

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


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_it_knows_nothing_of_ferrio_and_is_short(path):
    text = path.read_text()
    if path.name != "download_demo.py":
        assert "ferrio" not in text
        assert len(text.splitlines()) <= (80 if path.name in DEMO else 60)
