"""tornado, whose IOLoop wraps the loop of asyncio."""

import pytest


@pytest.mark.parametrize("program", ["tornado_serving.py", "tornado_loop.py"])
def test_servers_clients_and_the_ioloop(on_both, program):
    on_both(program)
