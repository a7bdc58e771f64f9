"""HTTP servers killed under load and started again: what they acknowledged is there, and their clients say what went wrong."""

import pytest
from servers import lasting_port

pytestmark = pytest.mark.fire


@pytest.mark.parametrize("framework", ["aiohttp", "fastapi"])
def test_clients_outlive_the_server(fire, framework, long):
    fire("http_killed.py", framework, lasting_port(), long(2, 25))
