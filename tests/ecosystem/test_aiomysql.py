"""aiomysql with MariaDB."""


def test_cursors_transactions_pools_and_tls(on_both, mariadb):
    on_both("aiomysql_queries.py", mariadb.port, mariadb.ca)
