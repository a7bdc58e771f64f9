"""Every program of the guide prints what its page says, on asyncio and on ferrio; both languages have the same programs."""

import contextlib
import os
import re
import subprocess
import sys

import pytest
from pages import GUIDE, programs

ENGLISH, CHINESE = (sorted((GUIDE / language).glob("*.md")) for language in ("en", "zh"))
ALL = [program for page in ENGLISH for program in programs(page)]
PROGRAMS = [program for program in ALL if not program.is_cell]
CELLS = [program for program in ALL if program.is_cell]
WATCHDOG_SECONDS = 120  # only a hang takes so long

# What a page's program needs: packages, and what it writes of a server where the test's listens elsewhere.
NEEDS = {"09-http": ["aiohttp"], "10-redis": ["redis"], "11-mysql": ["aiomysql"]}
ADDRESSES = {
    "10-redis": ("redis_server", "redis://localhost:6379", "redis://127.0.0.1:{port}"),
    "11-mysql": ("mariadb", '"port": 3306', '"port": {port}'),
}


def by_id(values):
    return {"argvalues": values, "ids": [value.id for value in values]}


def test_both_languages_have_the_same_pages_and_programs():
    assert [page.name for page in ENGLISH] == [page.name for page in CHINESE]
    assert len(ENGLISH) == 14
    for english, chinese in zip(ENGLISH, CHINESE, strict=True):
        assert programs(english) == programs(chinese)
        assert headings(english) == headings(chinese)
        assert links(english) == links(chinese)


def headings(page):
    """Their levels."""
    outside_of_code = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    return re.findall(r"^#+(?= )", outside_of_code, re.M)


def links(page):
    return sorted(re.findall(r"\]\(([^)]+)\)", page.read_text()))


@pytest.mark.parametrize("page", ENGLISH, ids=lambda page: page.stem)
def test_every_program_has_an_output(page):
    """A block that the reader of the pages would overlook is not tested."""
    found = programs(page)
    assert len(found) == page.read_text().count("```python")
    assert page.stem == "index" or found
    assert all(program.printed for program in found)


@pytest.fixture
def run(request, tmp_path):
    """``run(program, *flags)``: the program as a file, run by the interpreter with these flags."""

    def run(program, *flags):
        for package in NEEDS.get(program.page, ()):
            pytest.importorskip(package)
        code = program.code
        if program.page in ADDRESSES:
            fixture, written, ours = ADDRESSES[program.page]
            assert written in code
            code = code.replace(written, ours.format(port=request.getfixturevalue(fixture).port))
        path = tmp_path / "app.py"
        path.write_text(code)
        # Debug mode has more to say than the pages.
        plain = {name: value for name, value in os.environ.items() if name != "PYTHONASYNCIODEBUG"}
        command = [sys.executable, *flags, str(path)]
        return subprocess.run(command, capture_output=True, text=True, timeout=WATCHDOG_SECONDS, cwd=tmp_path, env=plain)

    return run


@pytest.mark.parametrize("program", **by_id([program for program in PROGRAMS if not program.only_ferrio]))
@pytest.mark.parametrize("way", [(), ("-m", "ferrio")], ids=["asyncio", "ferrio"])
def test_it_prints_what_the_page_says(run, program, way):
    done = run(program, *way)
    assert (done.stdout, done.stderr, done.returncode) == (program.printed, "", 0)


@pytest.mark.parametrize("program", **by_id([program for program in PROGRAMS if program.only_ferrio]))
def test_what_only_ferrio_does(run, program):
    assert program.options and program.asyncio_says
    done = run(program, "-W", "ignore::DeprecationWarning", "-m", "ferrio", *program.options)
    assert (done.stdout, done.stderr, done.returncode) == (program.printed, "", 0)

    done = run(program, "-W", "ignore")
    assert done.returncode == 1
    assert program.asyncio_says in done.stderr


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    """The kernels of asyncio and ferrio, running, by name."""
    for package in ("ipykernel", "nbclient", "pexpect"):
        pytest.importorskip(package, reason=f"{package} is not installed: requirements/ecosystem.txt")
    from sessions import Kernel, kernel_manager, python

    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        # Neither their configuration nor their kernels count.
        for name in ("HOME", "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
            patch.setenv(name, str(home))
        status, _, complaints = python("-m", "ferrio.kernel", "install", "--prefix", home)
        assert (status, complaints) == (0, "")
        running = {}
        for loop, name in (("asyncio", "python3"), ("ferrio", "ferrio")):
            running[loop] = Kernel(stack.enter_context(kernel_manager(home, name)), home)
            stack.callback(running[loop].end)
        yield running


@pytest.mark.parametrize("cell", **by_id(CELLS))
def test_a_cell_of_the_notebook_page(kernels, cell):
    assert kernels["ferrio"].run(cell.code) == cell.printed.strip()
    stock = kernels["asyncio"].run(cell.code)
    assert stock.endswith(cell.asyncio_says) if cell.only_ferrio else stock == cell.printed.strip()
