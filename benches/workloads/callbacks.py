"""call_soon and add_reader."""

import asyncio
import socket

from .definition import core, nothing_callback

BATCH = 100_000


@core("call_soon.chain", "callback")
async def call_soon_chain(iterations):
    """A callback that schedules itself: one is ready at a time."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    left = iterations

    def step():
        nonlocal left
        left -= 1
        if left:
            loop.call_soon(step)
        else:
            done.set_result(None)

    loop.call_soon(step)
    await done


@core("call_soon.batch", "callback", operations=BATCH)
async def call_soon_batch(iterations):
    """100,000 callbacks scheduled, then run."""
    loop = asyncio.get_running_loop()
    for _ in range(iterations):
        done = loop.create_future()
        for _ in range(BATCH - 1):
            loop.call_soon(nothing_callback)
        loop.call_soon(done.set_result, None)
        await done


@core("add_reader.event", "event")
async def add_reader_event(iterations):
    """A reader on one end of a socket pair takes a byte and sends the next to itself."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    left = iterations

    def readable():
        nonlocal left
        near.recv(1)
        left -= 1
        if left:
            far.send(b"x")
        else:
            done.set_result(None)

    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        loop.add_reader(near, readable)
        far.send(b"x")
        await done
        loop.remove_reader(near)


@core("add_reader.register", "registration")
async def add_reader_register(iterations):
    """add_reader and remove_reader of one socket, and a turn of the loop after every 100."""
    loop = asyncio.get_running_loop()
    near, far = socket.socketpair()
    with near, far:
        for number in range(iterations):
            loop.add_reader(near, nothing_callback)
            loop.remove_reader(near)
            if number % 100 == 99:
                await asyncio.sleep(0)
