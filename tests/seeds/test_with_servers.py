"""The learners' programs that ask a real Redis and a real MariaDB, by the libraries of their time."""

import os
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "ecosystem")]

from seed_programs import PROGRAMS, ROOT, prints_ok, run  # noqa: E402

if os.environ.get("CI") != "true":
    pytest.importorskip("trustme", reason="not installed: pip install -r requirements/ecosystem.txt")

from servers import mariadb, redis_server  # noqa: E402, F401 (fixtures)

# Put there by scripts/test.sh: what is in requirements/seeds.txt.
LIBRARIES = ROOT / "target" / f"seeds-py{sys.version_info[0]}.{sys.version_info[1]}"
OPTIONS = pytest.mark.parametrize("options", [(), ("--legacy",)], ids=["plain", "legacy"])


@OPTIONS
def test_redis_by_aioredis_1(redis_server, options):  # noqa: F811
    if not (LIBRARIES / "aioredis").is_dir():
        need = f"aioredis is missing: pip install --target {LIBRARIES} -r requirements/seeds.txt"
        pytest.fail(need) if os.environ.get("CI") == "true" else pytest.skip(need)
    address = f"redis://127.0.0.1:{redis_server.port}"
    prints_ok(run(PROGRAMS / "s4_redis.py", *options, REDIS=address, PYTHONPATH=str(LIBRARIES)))


@OPTIONS
def test_mysql(mariadb, options):  # noqa: F811
    port = str(mariadb.port)
    prints_ok(run(PROGRAMS / "s4_mysql.py", *options, MYSQL_PORT=port, MYSQL_USER="tester", MYSQL_PASSWORD="secret"))
