"""Clients of an HTTP server that is killed and started again: aiohttp's of aiohttp, httpx of FastAPI on uvicorn. What is uploaded,
whole or in pieces, is in the server's file once it says so.

    http_killed.py aiohttp|fastapi PORT ROUNDS
"""

import asyncio
import multiprocessing
import pathlib
import sys

import aiohttp
import held
import httpx
import ran_on
from http_server import serve
from under_fire import WRITERS, Fire

NUMBERS = pathlib.Path("numbers")
PIECE = bytes(50_000)


class Server:
    """The server in a process of its own, which is told nothing but killed."""

    def __init__(self, framework, port):
        self.framework, self.port = framework, port

    async def order(self, word):
        await asyncio.to_thread({"start": self.start, "kill": self.kill}[word])

    def start(self):
        orders, theirs = multiprocessing.Pipe()
        arguments = self.framework, theirs, self.port, str(NUMBERS)
        self.process = multiprocessing.get_context("spawn").Process(target=serve, args=arguments)
        self.process.start()
        theirs.close()
        assert orders.recv() == self.port
        self.orders = orders

    def kill(self):
        self.process.kill()
        self.process.join()
        self.process.close()
        self.orders.close()


async def pieces():
    for _ in range(4):
        yield PIECE
        await asyncio.sleep(0)


async def outlive(server, framework, rounds, put, errors):
    async def write(number):
        assert await put(f"/numbers/{number}", pieces() if number % 2 else b"whole") == str(number)

    async def stored():
        numbers = {int(line) for line in NUMBERS.read_text().split()}
        NUMBERS.write_text("")
        return numbers

    await Fire(server.order, write, stored, errors).rounds(rounds, f"{framework} killed")


async def with_aiohttp(server, rounds, url):
    connector = aiohttp.TCPConnector(limit=WRITERS // 2)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def put(path, body):
            async with session.post(url + path, data=body) as answer:
                return await answer.text()

        await outlive(server, "aiohttp", rounds, put, aiohttp.ClientError)


async def with_httpx(server, rounds, url):
    limits = httpx.Limits(max_connections=WRITERS // 2)
    async with httpx.AsyncClient(limits=limits, timeout=None, trust_env=False) as client:

        async def put(path, body):
            return (await client.post(url + path, content=body)).text

        await outlive(server, "fastapi", rounds, put, httpx.TransportError)


def report(loop, context):
    # aiohttp's task that writes a body is not asked how it ended when the answer is an error already.
    if not isinstance(context.get("exception"), aiohttp.ClientConnectionError):
        loop.default_exception_handler(context)


async def main(framework, port, rounds):
    ran_on.tell()
    asyncio.get_running_loop().set_exception_handler(report)
    server = Server(framework, int(port))
    await server.order("start")
    before = held.now()
    clients = {"aiohttp": with_aiohttp, "fastapi": with_httpx}[framework]
    await clients(server, int(rounds), f"http://127.0.0.1:{port}")
    await held.back_to(before)
    await server.order("kill")
    print("OK")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
