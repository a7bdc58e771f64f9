"""Functions the loop calls: when a task is done, soon, after a while, and from another thread."""

import asyncio
import functools
import threading


async def execute(x):
    print("No.", x)
    await asyncio.sleep(0.01)
    if x < 0:
        raise ValueError(f"negative: {x}")
    return x * 10


def show(name, task):
    # A done callback gets the finished task, its last argument.
    if task.exception() is not None:
        print(name, "failed:", task.exception())
    else:
        print(name, "result:", task.result())


async def main():
    loop = asyncio.get_running_loop()

    good = asyncio.create_task(execute(2))
    good.add_done_callback(functools.partial(show, "good"))
    bad = asyncio.create_task(execute(-1))
    bad.add_done_callback(functools.partial(show, "bad"))
    print("pending:", not good.done(), not bad.done())
    await asyncio.wait([good, bad])
    # The callbacks of a task are scheduled when it ends; here both have run.
    print("done:", good.done(), bad.done())

    # call_later runs in the order of the delays, call_soon in the order of the calls.
    loop.call_later(0.04, print, "later")
    loop.call_later(0.02, print, "sooner")
    never = loop.call_later(0.03, print, "never")
    never.cancel()
    loop.call_soon(print, "soon 1")
    loop.call_soon(print, "soon 2")
    await asyncio.sleep(0.08)

    # From another thread only call_soon_threadsafe is allowed; it also wakes a sleeping loop.
    woken = asyncio.Event()
    thread = threading.Thread(target=loop.call_soon_threadsafe, args=(woken.set,))
    thread.start()
    await woken.wait()
    thread.join()
    print("woken by a thread")


if __name__ == "__main__":
    asyncio.run(main())
