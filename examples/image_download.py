"""Download pictures at the same time, with aiohttp; writing to disk goes to a thread.

usage: image_download.py DIRECTORY URL...
"""

import asyncio
import pathlib
import sys

import aiohttp

KINDS = {b"\x89PNG": "PNG", b"BM": "BMP", b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF"}


def save(path, content):
    path.write_bytes(content)
    return next((kind for start, kind in KINDS.items() if content.startswith(start)), "no picture")


async def fetch(session, url, directory):
    """Download one picture; return what to tell about it."""
    name = url.rpartition("/")[-1]
    try:
        async with session.get(url) as response:
            response.raise_for_status()  # a page that says 404 is no picture
            content = await response.read()
    except aiohttp.ClientResponseError as error:
        return f"{name}: {error.status} {error.message}"
    # Files block. In a thread the disk may take its time while the loop goes on downloading.
    kind = await asyncio.to_thread(save, directory / name, content)
    return f"{name}: {kind}, {len(content)} bytes"


async def main():
    directory, urls = pathlib.Path(sys.argv[1]), sys.argv[2:]
    directory.mkdir(exist_ok=True)
    # The connector's limit is the number of connections: be polite to one server.
    connector = aiohttp.TCPConnector(limit=10)
    async with aiohttp.ClientSession(connector=connector) as session:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(fetch(session, url, directory)) for url in urls]
    # All are done here. They finished in any order; this is the order of the command line.
    for task in tasks:
        print(task.result())
    print("saved:", len(list(directory.iterdir())))


if __name__ == "__main__":
    asyncio.run(main())
