"""redis-py, and aioredis of old, while redis-server is killed and comes back: nothing that it acknowledged is lost."""

import os
import pathlib
import sys

import pytest

# Put there by scripts/test.sh: what is in requirements/seeds.txt.
LIBRARIES = pathlib.Path(__file__).parents[3] / "target" / f"seeds-py{sys.version_info[0]}.{sys.version_info[1]}"

pytestmark = pytest.mark.fire


@pytest.fixture
def arguments(mortal_redis, long):
    redis = mortal_redis
    return redis.port, redis.tls_port, redis.socket, redis.ca, redis.control, long(3, 25)


def test_redis_py(fire, arguments):
    fire("redis_fire.py", *arguments)


def test_aioredis_1(old_fire, arguments):
    if not (LIBRARIES / "aioredis").is_dir():
        need = f"aioredis is missing: pip install --target {LIBRARIES} -r requirements/seeds.txt"
        pytest.fail(need) if os.environ.get("CI") == "true" else pytest.skip(need)
    old_fire("aioredis_fire.py", *arguments, libraries=str(LIBRARIES))
