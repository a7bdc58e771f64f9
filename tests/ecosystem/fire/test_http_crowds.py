"""aiohttp's server, and FastAPI on uvicorn, with crowds of clients and with those that misbehave."""

import pytest

pytestmark = pytest.mark.fire


@pytest.mark.parametrize("framework", ["aiohttp", "fastapi"])
def test_crowds(fire, framework, long):
    fire("http_fire.py", framework, long(500, 10_000))
