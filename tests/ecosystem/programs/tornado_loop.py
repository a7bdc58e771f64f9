# tornado's IOLoop started by hand: callbacks, timeouts, a periodic callback, handlers of descriptors, executors; its queues.
import asyncio
import datetime
import os

import ran_on
from tornado import gen, ioloop, locks, queues


async def queue():
    items, done = queues.Queue(2), locks.Event()

    async def consume():
        async for item in items:
            print("item", item)
            items.task_done()

    ioloop.IOLoop.current().spawn_callback(consume)
    for item in range(3):
        await items.put(item)
    await items.join()
    try:
        await done.wait(timeout=datetime.timedelta(milliseconds=10))
    except gen.TimeoutError as error:
        print(type(error).__name__)


def by_hand():
    loop = ioloop.IOLoop.current()
    reading, writing = os.pipe()
    ticks = []

    def tick():
        ticks.append(1)
        if len(ticks) == 3:
            periodic.stop()
            print("ticked")
            os.write(writing, b"ping")

    def readable(fd, events):
        print(os.read(fd, 10), events == loop.READ)
        loop.remove_handler(fd)
        loop.add_future(loop.run_in_executor(None, sum, [1, 2]), lambda future: (print(future.result()), loop.stop()))

    async def told():
        ran_on.tell()

    periodic = ioloop.PeriodicCallback(tick, 5)
    loop.add_callback(print, "called")
    loop.add_callback(told)
    loop.remove_timeout(loop.call_later(0.001, print, "never"))
    loop.call_later(0.005, periodic.start)
    loop.add_handler(reading, readable, loop.READ)
    loop.start()
    print(isinstance(loop.asyncio_loop, asyncio.AbstractEventLoop), loop.run_sync(lambda: gen.sleep(0)))
    loop.close()
    for fd in (reading, writing):
        os.close(fd)


asyncio.run(queue())
by_hand()
print("OK")
