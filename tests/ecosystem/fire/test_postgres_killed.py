"""asyncpg while PostgreSQL is killed in the middle and comes back."""

import pytest

pytestmark = pytest.mark.fire


def test_copies_notifications_pools_and_deaths(fire, mortal_postgres, long):
    server = mortal_postgres
    fire("asyncpg_fire.py", server.port, server.ca, server.control, long(50_000, 1_000_000), long(3, 25))
