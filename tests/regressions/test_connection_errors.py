"""Errors of connections that failed die with the last reference: nothing in their tracebacks leads back to them.

Found by anyio's own tests; CPython has such tests too since its pull request 124859.
"""

import asyncio
import gc
import socket
import sys

import pytest


@pytest.fixture
def refused():
    """A port of 127.0.0.1 where nobody listens: it is bound all the same, so that nobody else can."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


ALL_ERRORS = [{"all_errors": True}] if sys.version_info >= (3, 12) else []


@pytest.mark.parametrize("options", [{}, *ALL_ERRORS, {"local_addr": True}], ids=str)
def test_no_list_refers_to_the_error(run, refused, options):
    kept = []
    if "local_addr" in options:
        # Nor can anybody else be bound to it.
        options = {"local_addr": ("127.0.0.1", refused)}

    async def main():
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(asyncio.Protocol, "127.0.0.1", refused, **options)
        except* OSError as group:
            kept.extend(group.exceptions)

    run(main())
    error = kept.pop()
    assert not [referrer for referrer in gc.get_referrers(error) if isinstance(referrer, list)]
