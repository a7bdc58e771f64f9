"""The servers of tests/ecosystem, for pages that talk to one."""

import pathlib
import sys

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).resolve().parents[1] / "ecosystem")]

pytest.importorskip("trustme", reason="the servers need trustme: pip install -r requirements/ecosystem.txt")

from servers import mariadb, redis_server  # noqa: E402, F401 (fixtures)
