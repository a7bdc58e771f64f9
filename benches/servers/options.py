"""What a server is told."""

import asyncio
import ssl
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
#: Connections that may wait for accept(2): all of a load that connects at once.
BACKLOG = 1024
READ_BYTES = 256 * 1024
#: What bulk is written in.
CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True)
class Options:
    """Where to listen, and what messages and answers there will be."""

    directory: Path
    size: int
    reply_bytes: int
    unix: Path | None = None
    #: A PEM file with certificates and key.
    tls: Path | None = None

    def ssl_context(self) -> ssl.SSLContext | None:
        """For the server's side."""
        if self.tls is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.tls)
        return context

    async def serve(self, factory) -> dict:
        """Listen with such protocols; the address."""
        loop = asyncio.get_running_loop()
        if self.unix:
            await loop.create_unix_server(factory, self.unix, backlog=BACKLOG, ssl=self.ssl_context())
            return {"path": str(self.unix)}
        server = await loop.create_server(factory, HOST, 0, backlog=BACKLOG, ssl=self.ssl_context())
        return {"port": server.sockets[0].getsockname()[1]}
