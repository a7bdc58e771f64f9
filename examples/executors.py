"""Functions that cannot await: waiting ones go to threads, computing ones to processes."""

import asyncio
import concurrent.futures
import os
import threading
import time


def wait_somewhere(n):
    # Stands for a database module without async: it blocks its thread, not the loop.
    time.sleep(0.05)
    return n, threading.current_thread() is threading.main_thread()


def compute(n):
    return sum(i * i for i in range(n)), os.getpid()


async def main():
    loop = asyncio.get_running_loop()

    # None is the loop's own pool of threads.
    ticks = 0
    waiting = loop.run_in_executor(None, wait_somewhere, 1)
    while not waiting.done():
        await asyncio.sleep(0.01)
        ticks += 1
    print("thread:", await waiting, "- the loop ran meanwhile:", ticks > 1)

    # The same for functions with keyword arguments.
    print("to_thread:", await asyncio.to_thread(wait_somewhere, n=2))

    # A pool of one thread does one thing after the other; gather keeps the order anyway.
    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:
        jobs = [loop.run_in_executor(pool, wait_somewhere, n) for n in range(3)]
        print("pool:", await asyncio.gather(*jobs))

    # Processes compute on several cores. What they get and return is copied.
    with concurrent.futures.ProcessPoolExecutor(max_workers=2) as pool:
        jobs = [loop.run_in_executor(pool, compute, n) for n in (10, 1000)]
        results = await asyncio.gather(*jobs)
    print("processes:", [total for total, _ in results])
    print("in other processes:", all(pid != os.getpid() for _, pid in results))

    # An exception of the function is raised where it is awaited.
    try:
        await loop.run_in_executor(None, int, "ten")
    except ValueError as error:
        print("caught:", error)


# A process pool may import this file anew in its processes: there, nothing must start.
if __name__ == "__main__":
    asyncio.run(main())
