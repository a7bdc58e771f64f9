"""asyncpg with PostgreSQL."""


def test_queries_copies_notifications_pools_and_tls(on_both, postgres):
    on_both("asyncpg_queries.py", postgres.port, postgres.ca)
