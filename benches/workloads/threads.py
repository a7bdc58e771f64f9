"""Into the loop from another thread, and out to one."""

import asyncio
import threading

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
