"""Programs for Python 3.6 to 3.10 print under ``python -m ferrio --legacy`` what they print on those Pythons.

The output stands beside the programs, so that it holds where there is no such Python; where there is one, it is asked.
"""

import glob
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import old_loops  # noqa: E402, F401 (adds its own)
from old_programs import ALL, PROGRAMS  # noqa: E402

OLD = {
    version: found
    for version in ALL
    for found in [shutil.which(f"python{version}"), *glob.glob(os.path.expanduser(f"~/.pyenv/versions/{version}.*/bin/python"))]
    if found and subprocess.run([found, "-c", "import asyncio"], capture_output=True).returncode == 0
}


def output(*command):
    # What it says besides is for test_each_use_warns.py.
    done = subprocess.run(
        [*command[:1], "-W", "ignore::DeprecationWarning", "-W", "ignore::ResourceWarning", *command[1:]],
        capture_output=True,
        text=True,
        env={name: value for name, value in os.environ.items() if name != "PYTHONASYNCIODEBUG"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.fixture
def path(tmp_path, request):
    path = tmp_path / "old.py"
    path.write_text(PROGRAMS[request.param][1])
    return path


@pytest.mark.parametrize("path, name", [(name, name) for name in PROGRAMS], indirect=["path"])
def test_as_it_did(path, name):
    assert output(sys.executable, "-m", "ferrio", "--legacy", str(path)) == PROGRAMS[name][2]


THERE = [(name, name, version) for name, (versions, *_) in PROGRAMS.items() for version in versions if version in OLD]


@pytest.mark.parametrize("path, name, version", THERE, indirect=["path"])
def test_it_did_so(path, name, version):
    assert output(OLD[version], str(path)) == PROGRAMS[name][2]
