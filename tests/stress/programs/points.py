"""Where an operation can be cancelled. It runs in a task and is cancelled in three manners, each with k = 0, 1, 2, … until it
comes to its end first:

    turns      after k turns of the loop
    at_once    when it waits for the k-th time
    at_the_end when what it waits for the k-th time has happened, but the task has not gone on yet
"""

import asyncio
import types
import typing
import warnings

import books

#: From so many turns on, the number grows by a quarter each time: what waits for another process
#: waits for very many.
EACH_TURN = 60
OPERATIONS = {}
#: Operations that begin with a look-up, whose thread goes on when they are cancelled.
LOOKS_UP = ("getaddrinfo", "sock_connect", "create_connection", "create_server", "create_datagram_endpoint")


def operation(function):
    """Register an async generator function: it prepares, yields what makes the coroutine to be
    cancelled, is sent its `Outcome`, checks and cleans up."""
    OPERATIONS[function.__name__] = function
    return function


class Outcome(typing.NamedTuple):
    """How the operation has ended."""

    cancelled: bool
    manner: str
    result: object


@types.coroutine
def cancelling(coroutine, manner, number):
    """Run the coroutine; cancel the current task at its wait with that number."""
    task = asyncio.current_task()
    waits = 0
    send, value = coroutine.send, None
    while True:
        try:
            future = send(value)
        except StopIteration as stop:
            return stop.value
        finally:
            value = None
        if waits == number:
            if manner == "at_once" or future is None:
                asyncio.get_running_loop().call_soon(task.cancel)
            else:
                future.add_done_callback(lambda future: task.cancel())
        waits += 1
        try:
            send, value = coroutine.send, (yield future)
        except BaseException as error:
            send, value = coroutine.throw, error
        # An exception's traceback holds this frame: no cycle that keeps the result of the future.
        future = None


async def cancel_once(make, manner, number):
    if manner == "turns":
        task = asyncio.create_task(make())
        for _ in range(number):
            if task.done():
                break
            await asyncio.sleep(0)
        task.cancel()
    else:
        task = asyncio.create_task(awaiting(cancelling(make(), manner, number)))
    await asyncio.wait([task])
    return Outcome(task.cancelled(), manner, None if task.cancelled() else task.result())


async def awaiting(awaitable):
    return await awaitable


def report(loop, context):
    # In debug mode: a client has been cancelled during its handshake.
    if context["message"] != "Error on transport creation for incoming connection":
        loop.default_exception_handler(context)


async def main(name):
    asyncio.get_running_loop().set_exception_handler(report)
    # A connection that was accepted when the call was cancelled is nobody's: its socket warns.
    warnings.simplefilter("default" if name != "sock_accept" else "ignore", ResourceWarning)
    points = {}
    for manner in ("turns", "at_once", "at_the_end"):
        points[manner] = number = 0
        outcome = None
        while outcome is None or outcome.cancelled:
            before = books.Books(threads_open_files=name.startswith(LOOKS_UP))
            steps = OPERATIONS[name]()
            make = await anext(steps)
            outcome = await cancel_once(make, manner, number)
            try:
                await steps.asend(outcome)
            except StopAsyncIteration:
                pass
            await before.balance(f"{name} cancelled: {manner}, {number}")
            points[manner] += outcome.cancelled
            number = number + 1 if number < EACH_TURN or manner != "turns" else number * 5 // 4
    return points
