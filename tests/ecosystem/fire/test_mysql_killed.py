"""aiomysql and asyncmy while MariaDB is killed in the middle and comes back."""

import pytest

pytestmark = pytest.mark.fire


@pytest.mark.parametrize("library", ["aiomysql", "asyncmy"])
def test_cursors_rows_pools_and_deaths(fire, mortal_mariadb, library, long):
    server = mortal_mariadb
    fire("mysql_fire.py", library, server.port, server.ca, server.control, long(50_000, 1_000_000), long(3, 25))
