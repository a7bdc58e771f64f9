"""Orders for the test that runs this program, about the server that is `control`led there."""

import asyncio


async def order(control, word):
    """Have the server killed ("kill") or started ("start"); returns when it is."""
    reader, writer = await asyncio.open_unix_connection(control)
    writer.write(word.encode() + b"\n")
    answer = await reader.readline()
    writer.close()
    await writer.wait_closed()
    assert answer == b"done\n", answer
