"""A great many bytes through one connection to somebody who reads slowly: all of them arrive, in
order, and memory stays within the watermarks.

    python slow_reader.py MODULE tcp|unix|tls MEGABYTES
"""

import asyncio
import pathlib
import ssl
import tempfile
import zlib

import books

CERTIFICATE = (
    pathlib.Path(__file__).resolve().parents[2] / "behaviour" / "network" / "localhost.pem"
)
PIECE = 100_000
HIGH = 256 * 1024
#: What the reader takes before it looks the other way.
SIP = 4_000_000
#: Buffers of the writer and the reader, TLS records, receive buffers, pieces on their way, and
#: malloc's mood.
MEMORY_KIB = 24 * 1024


def contexts(kind):
    if kind != "tls":
        return None, None
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(CERTIFICATE)
    return server, ssl.create_default_context(cafile=CERTIFICATE)


def piece(number):
    """100,000 bytes unlike any other piece."""
    return (b"%019d " % number) * (PIECE // 20)


async def main(kind, megabytes):
    before = books.Books()
    count = megabytes * 1_000_000 // PIECE
    result = asyncio.get_running_loop().create_future()
    early = books.resident_kib()

    async def send(reader, writer):
        transport = writer.transport
        transport.set_write_buffer_limits(high=HIGH)
        most = check = waits = 0
        for number in range(count):
            data = piece(number)
            check = zlib.crc32(data, check)
            writer.write(data)
            waits += transport.get_write_buffer_size() > HIGH
            await writer.drain()
            most = max(most, transport.get_write_buffer_size())
        writer.close()
        result.set_result((most, check, waits, asyncio.current_task()))

    server_context, client_context = contexts(kind)
    with tempfile.TemporaryDirectory() as directory:
        if kind == "unix":
            path = f"{directory}/socket"
            server = await asyncio.start_unix_server(send, path)
            reader, writer = await asyncio.open_unix_connection(path)
        else:
            name = "localhost" if kind == "tls" else None
            server = await asyncio.start_server(send, "127.0.0.1", 0, ssl=server_context)
            reader, writer = await asyncio.open_connection(
                *server.sockets[0].getsockname(), ssl=client_context, server_hostname=name
            )
        received = check = sip = memory = 0
        while data := await reader.read(50_000):
            received += len(data)
            check = zlib.crc32(data, check)
            sip += len(data)
            if sip >= SIP:
                sip = 0
                await asyncio.sleep(0.002)
                memory = max(memory, books.resident_kib())
        most, sent, waits, task = await result
        await task
        assert received == count * PIECE, received
        assert check == sent
        assert most <= HIGH, most
        assert waits > 0
        assert memory <= early + MEMORY_KIB, (early, memory)
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()
    del result, task
    await before.balance()
    return {"waits": waits, "most": most, "kib": memory - early}


if __name__ == "__main__":
    books.program(main, str, int)
