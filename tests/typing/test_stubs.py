"""The stubs say what is there, as `mypy.stubtest` sees the running package, and programs get the right types.

`samples/right` must pass ``mypy --strict`` as every supported version, and run. In `samples/wrong` mypy must object
where a comment says so, with the error that it names, and nowhere else.
"""

import os
import pathlib
import re
import subprocess
import sys

import pytest

import ferrio

pytest.importorskip("mypy", reason="mypy is not installed: pip install -r requirements/test.txt")

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PACKAGE = ROOT / "python" / "ferrio"
CONFIG = HERE / "mypy.ini"
RIGHT = sorted(HERE.glob("samples/right/*.py"))
WRONG = sorted(HERE.glob("samples/wrong/*.py"))

# The allowlist must hold nothing that is not needed here; some entries are of one version only.
REFERENCE = (3, 13)
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
# What mypy says of a version it says on every interpreter: one asks it of all, the others each of their own.
if sys.version_info[:2] != REFERENCE:
    VERSIONS = tuple(version for version in VERSIONS if version == "{}.{}".format(*sys.version_info))
WATCHDOG_SECONDS = 300  # only a hang takes so long


def run(*command, directory=ROOT):
    """The command's status and output."""
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        capture_output=True,
        text=True,
        cwd=directory,
        timeout=WATCHDOG_SECONDS,
        env={**os.environ, "MYPY_FORCE_COLOR": "0"},
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def check(tmp_path_factory):
    """Run mypy --strict; its status and output."""
    cache = tmp_path_factory.mktemp("mypy")

    def check(*arguments, config=CONFIG):
        return run("-m", "mypy", "--strict", "--config-file", config, "--cache-dir", cache, *arguments)

    return check


def test_the_stubs_agree_with_the_package(tmp_path):
    options = ["--mypy-config-file", CONFIG, "--allowlist", HERE / "allowlist.txt"]
    if sys.version_info[:2] != REFERENCE:
        options.append("--ignore-unused-allowlist")
    status, output = run("-m", "mypy.stubtest", "ferrio", *options, directory=tmp_path)
    assert status == 0, output


@pytest.mark.parametrize("version", VERSIONS)
def test_the_stubs_themselves_are_right(check, version, tmp_path):
    # Without the configuration, which ignores what is in the package.
    config = tmp_path / "mypy.ini"
    config.write_text(f"[mypy]\nmypy_path = {PACKAGE.parent}\n")
    stubs = sorted(PACKAGE.rglob("*.pyi"))
    assert PACKAGE / "__init__.pyi" in stubs
    status, output = check("--python-version", version, *stubs, config=config)
    assert status == 0, output


@pytest.mark.parametrize("version", VERSIONS)
def test_right_programs_pass(check, version):
    status, output = check("--warn-unreachable", "--python-version", version, *RIGHT)
    assert status == 0, output


@pytest.mark.parametrize("path", RIGHT, ids=lambda path: path.stem)
def test_right_programs_run(path):
    status, output = run(path)
    assert status == 0, output


@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_wrong_uses_are_found(check, path):
    lines = path.read_text().splitlines()
    expected = [
        (number, code)
        for number, line in enumerate(lines, 1)
        if "# expect: " in line
        for code in line.partition("# expect: ")[2].split(", ")
    ]
    assert expected
    _, output = check(path)
    found = re.findall(r"^\S+?:(\d+): error: .*\[([a-z-]+)\]$", output, re.MULTILINE)
    assert [(int(number), code) for number, code in found] == expected, output


def test_every_name_and_submodule_is_known(check, tmp_path):
    submodules = [name for name in sys.modules if name.startswith("ferrio.") and not name.startswith("ferrio._")]
    assert "ferrio.subprocess" in submodules
    names = [*(f"ferrio.{name}" for name in ferrio.__all__), "ferrio.__version__", *submodules]
    program = tmp_path / "names.py"
    program.write_text("import ferrio\n" + "".join(f"print({name})\n" for name in names))
    status, output = check(program)
    assert status == 0, output


def test_the_package_says_that_it_is_typed():
    assert (PACKAGE / "py.typed").read_bytes() == b""
