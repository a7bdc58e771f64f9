"""Into the loop from another thread, and out to one."""

import asyncio
import threading

from ..servers.protocols import Echo
from .definition import core, nothing_callback

BURST = 10_000


async def with_thread(target):
    """Run target() in a new thread while the loop runs; raise what it raised."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def run():
        try:
            target()
        except BaseException as error:
            loop.call_soon_threadsafe(done.set_exception, error)
        else:
            loop.call_soon_threadsafe(done.set_result, None)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        await done
    finally:
        thread.join()


@core("threadsafe.round_trip", "call", concurrent=True)
async def threadsafe_round_trip(iterations):
    """A thread does call_soon_threadsafe and waits until the callback ran; the loop sleeps in between."""
    call = asyncio.get_running_loop().call_soon_threadsafe
    gate = threading.Lock()
    gate.acquire()

    def caller():
        for _ in range(iterations):
            call(gate.release)
            gate.acquire()

    await with_thread(caller)


@core("threadsafe.burst", "call", operations=BURST, concurrent=True)
async def threadsafe_burst(iterations):
    """A thread does 10,000 call_soon_threadsafe in a row, then waits until all callbacks ran."""
    call = asyncio.get_running_loop().call_soon_threadsafe
    gate = threading.Lock()
    gate.acquire()

    def caller():
        for _ in range(iterations):
            for _ in range(BURST - 1):
                call(nothing_callback)
            call(gate.release)
            gate.acquire()

    await with_thread(caller)


@core("executor.round_trip", "call", concurrent=True)
async def executor_round_trip(iterations):
    """await run_in_executor of a function that does nothing, in the default pool."""
    loop = asyncio.get_running_loop()
    for _ in range(iterations):
        await loop.run_in_executor(None, nothing_callback)


@core("executor.beside_tasks", "call", concurrent=True)
async def executor_beside_tasks(iterations):
    """The same, while ten tasks do sleep(0) without end: the loop never sleeps."""
    ended = False

    async def spin():
        while not ended:
            await asyncio.sleep(0)

    spinning = [asyncio.ensure_future(spin()) for _ in range(10)]
    await executor_round_trip(iterations)
    ended = True
    await asyncio.gather(*spinning)


@core("executor.beside_echo", "call", concurrent=True)
async def executor_beside_echo(iterations):
    """The same, while ten connections within the loop send a message to and fro: it always finds something in the kernel."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    clients = [(await loop.create_connection(Echo, *address))[0] for _ in range(10)]
    for client in clients:
        client.write(b"x" * 100)
    await executor_round_trip(iterations)
    for client in clients:
        client.abort()
    server.close()
    await server.wait_closed()
