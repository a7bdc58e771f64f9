"""TLS contexts from the files that the test made: argv ends with ca, server and elsewhere."""

import ssl
import sys

_CA, _SERVER, _ELSEWHERE = sys.argv[-3:]


def client_context():
    """Trusts the CA of the test and nobody else."""
    return ssl.create_default_context(cafile=_CA)


def server_context(*, elsewhere=False):
    """Shows the certificate of localhost, or that of another host."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(_ELSEWHERE if elsewhere else _SERVER)
    return context
