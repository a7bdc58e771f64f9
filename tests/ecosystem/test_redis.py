"""redis-py's asyncio client with redis-server."""


def test_commands_pipelines_subscriptions_and_pools(on_both, redis_server):
    on_both("redis_commands.py", redis_server.port, redis_server.tls_port, redis_server.socket, redis_server.ca)


def test_a_killed_server_and_its_successor(on_both, redis_server):
    on_both("redis_killed.py", redis_server.program)
