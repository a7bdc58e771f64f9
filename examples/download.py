"""Download every picture of a picture server at once: plain asyncio and aiohttp, nothing else.

usage: download.py http://HOST:PORT/index.json DIRECTORY

One session, one task per picture. Then every saved file is read back and compared with what the
server's index promises: its length and its SHA-256. Exit status 1 if anything is wrong or missing.
"""

import asyncio
import hashlib
import pathlib
import sys
import time

import aiohttp


async def fetch(session, url, path):
    """Download one picture into a file; return its size in bytes."""
    async with session.get(url) as response:
        response.raise_for_status()
        content = await response.content.read()
    # A short blocking write. While it lasts, no other task runs.
    path.write_bytes(content)
    return len(content)


async def download(index_url, directory):
    """Download all pictures of the index; return the index and the seconds the pictures took."""
    async with aiohttp.ClientSession() as session:
        async with session.get(index_url) as response:
            response.raise_for_status()
            index = await response.json()

        started = time.perf_counter()
        tasks = []
        for picture in index:
            url = index_url.replace("index.json", "pictures/" + picture["name"])
            tasks.append(asyncio.create_task(fetch(session, url, directory / picture["name"])))
        size = 0
        # The tasks run at the same time; as_completed hands them out as they finish.
        for done, task in enumerate(asyncio.as_completed(tasks), 1):
            size += await task
            if done * 10 // len(tasks) > (done - 1) * 10 // len(tasks):  # at each tenth
                progress = f"  {done:4} of {len(tasks)} pictures, {size / 1e6:5.1f} MB"
                print(progress, file=sys.stderr, flush=True)
        return index, time.perf_counter() - started


def check(picture, directory):
    """What is wrong with one saved picture; None if nothing is."""
    content = (directory / picture["name"]).read_bytes()
    if len(content) != picture["size"]:
        return f"{picture['name']}: {len(content)} bytes, the index says {picture['size']}"
    if hashlib.sha256(content).hexdigest() != picture["sha256"]:
        return f"{picture['name']}: SHA-256 is not the one in the index"
    return None


async def main():
    index_url, directory = sys.argv[1], pathlib.Path(sys.argv[2])
    index, seconds = await download(index_url, directory)

    problems = [problem for picture in index if (problem := check(picture, directory))]
    if problems:
        sys.exit("\n".join(f"damaged: {problem}" for problem in problems))

    loop = asyncio.get_running_loop()
    megabytes = sum(picture["size"] for picture in index) / 1e6
    print(
        f"{len(index)} pictures, {megabytes:.1f} MB, {seconds:.3f} s, "
        f"{megabytes / seconds:.1f} MB/s, {len(index) / seconds:.0f} pictures/s "
        f"(loop: {type(loop).__module__}.{type(loop).__qualname__})"
    )


if __name__ == "__main__":
    asyncio.run(main())
