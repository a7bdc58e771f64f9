"""Certificates of a day, for the TLS rows."""

from pathlib import Path

from .child import CellError


def made_in(directory: Path) -> tuple[Path, Path]:
    """PEM files: what "localhost" shows (certificate and key), and who vouches for it. Raises CellError."""
    server, authority = directory / "localhost.pem", directory / "authority.pem"
    if not authority.exists():
        try:
            import trustme
        except ImportError:
            raise CellError("TLS rows need trustme: pip install -r requirements/bench.txt") from None
        made = trustme.CA()
        made.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(server)
        made.cert_pem.write_to_path(authority)
    return server, authority
