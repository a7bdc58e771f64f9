"""Every command of the recipes does what the page says: it prints that, or serves that, on ferrio."""

import contextlib
import http.client
import importlib.util
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time

import pytest
from pages import DOCS, recipes
from servers import START_SECONDS, free_port

PAGES = {name: recipes(DOCS / f"{name}.md") for name in ("recipes", "migrating-from-uvloop")}
ALL = [recipe for page in PAGES.values() for recipe in page]
WATCHDOG_SECONDS = 120  # only a hang takes so long

# The packages that a section's commands need, by the name of the module.
NEEDS = {
    "aiohttp": ["aiohttp"],
    "uvicorn, with FastAPI and Starlette": ["uvicorn", "fastapi"],
    "gunicorn": ["gunicorn", "uvicorn_worker", "fastapi"],
    "Hypercorn": ["hypercorn", "fastapi"],
    "Django (ASGI)": ["django", "uvicorn"],
    "pytest-asyncio": ["pytest_asyncio"],
    "anyio": ["anyio"],
    "Dask": ["distributed"],
    "Try it first": ["uvloop"],
    "Then change the names": [],
}


def test_no_command_is_overlooked():
    assert {recipe.title for recipe in ALL} == NEEDS.keys()
    for name, found in PAGES.items():
        text = (DOCS / f"{name}.md").read_text()
        assert len(found) == text.count("```sh\n") == text.count("```text\n")
        assert sum(len(files) for files in {recipe.title: recipe.files for recipe in found}.values()) == text.count("```python")


@pytest.fixture
def command(request, tmp_path):
    """``command(recipe, port)``: what to start in `tmp_path`, where the recipe's files are."""

    def command(recipe, port=8000):
        for module in NEEDS[recipe.title]:
            if importlib.util.find_spec(module) is None:
                need = f"{module} is missing: scripts/test.sh docs VERSION installs it"
                pytest.fail(need) if os.environ.get("FERRIO_RECIPES") == "all" else pytest.skip(need)
        for name, content in recipe.files:
            (tmp_path / name).write_text(content.replace("8000", str(port)))
        program, *arguments = shlex.split(recipe.command.replace("8000", str(port)))
        assert program == "python"
        return [sys.executable, *arguments]

    return command


@pytest.mark.parametrize("recipe", [recipe for recipe in ALL if recipe.kind == "run"], ids=lambda recipe: recipe.command)
def test_it_prints(command, recipe, tmp_path):
    done = subprocess.run(command(recipe), capture_output=True, text=True, timeout=WATCHDOG_SECONDS, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    printed = re.sub(r" in [\d.]+s\b.*", "", done.stdout)  # the time that a test run took
    assert printed == recipe.printed


@pytest.mark.parametrize("recipe", [recipe for recipe in ALL if recipe.kind == "serve"], ids=lambda recipe: recipe.command)
def test_it_serves(command, recipe, tmp_path):
    port = free_port()
    with serving(command(recipe, port), port, tmp_path):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WATCHDOG_SECONDS)
        with contextlib.closing(connection):
            connection.request("GET", "/")
            answer = connection.getresponse()
            assert (answer.status, answer.read().decode() + "\n") == (200, recipe.printed)


@contextlib.contextmanager
def serving(command, port, directory):
    """The server, until SIGTERM ends it in good order; with its workers it is a session of its own."""
    log = directory / "log"
    with open(log, "wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=directory, start_new_session=True
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not is_listening(port):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield
        process.terminate()
        # uvicorn ends by the signal that it was told to end by.
        assert process.wait(WATCHDOG_SECONDS) in (0, -signal.SIGTERM), log.read_text()
        assert "Traceback" not in log.read_text(), log.read_text()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def is_listening(port):
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0
