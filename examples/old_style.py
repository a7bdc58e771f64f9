"""asyncio as books of 2015 have it: generators with yield from, a loop that nobody made, loop= arguments.

usage: python -m ferrio --legacy old_style.py      today's asyncio has no attribute 'coroutine'
"""

import asyncio


@asyncio.coroutine  # today: async def
def double(x):
    yield from asyncio.sleep(0.01 * x)  # today: await
    return 2 * x


@asyncio.coroutine
def count(name, log):
    for n in range(3):
        log.append((name, n))
        yield  # gives the other tasks their turn; today: await asyncio.sleep(0)
    return name


def tell(future):
    print("in the callback:", future.result())


# A loop for the main thread, made and kept when somebody asks first; today asyncio.run makes it.
loop = asyncio.get_event_loop()
print("a coroutine function:", asyncio.iscoroutinefunction(double))

task = loop.create_task(double(1))
task.add_done_callback(tell)
loop.run_until_complete(task)
print("result:", task.result())

# wait makes the tasks itself; today it wants tasks.
log = []
done, pending = loop.run_until_complete(asyncio.wait([count("a", log), count("b", log)]))
print("done:", sorted(future.result() for future in done), "pending:", len(pending))
print("in turns:", [n for _, n in log])


# Old and new coroutines await each other.
async def modern():
    return await double(2)


@asyncio.coroutine
def old():
    lock = asyncio.Lock(loop=loop)  # today a lock finds its loop itself
    with (yield from lock):  # today: async with lock
        print("locked:", lock.locked())
        return (yield from modern())


print("old and new:", loop.run_until_complete(old()))
loop.close()
