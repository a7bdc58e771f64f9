"""aiohttp, client and server, does on ferrio what it does on asyncio."""

import pytest

GIGABYTE = 1 << 30


@pytest.mark.parametrize(
    "program", ["keep_alive", "chunked", "websockets", "client_gone", "server_gone", "unix", "files"]
)
def test_plain(on_both, program):
    on_both(f"aiohttp_{program}.py")


@pytest.mark.parametrize("program", ["tls", "proxy"])
def test_with_certificates(on_both, certificates, program):
    on_both(f"aiohttp_{program}.py", certificates.ca, certificates.server, certificates.elsewhere)


def test_a_gigabyte_up_and_down_in_flat_memory(on_both):
    on_both("aiohttp_gigabyte.py", GIGABYTE)
