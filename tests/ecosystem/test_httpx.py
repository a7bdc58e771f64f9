"""httpx's AsyncClient does on ferrio what it does on asyncio."""


def test_pool_streams_and_errors(on_both):
    on_both("httpx_client.py")


def test_tls(on_both, certificates):
    on_both("httpx_tls.py", certificates.ca, certificates.server, certificates.elsewhere)
