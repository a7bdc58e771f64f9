"""Drivers that block, in the loop's threads, while their server is killed and comes back."""

import pytest

pytestmark = pytest.mark.fire


@pytest.mark.parametrize(("library", "server"), [("pymysql", "mortal_mariadb"), ("psycopg", "mortal_postgres")])
def test_blocking_drivers(fire, request, library, server, long):
    server = request.getfixturevalue(server)
    fire("threads_fire.py", library, server.port, server.control, long(20_000, 200_000), long(3, 25))
