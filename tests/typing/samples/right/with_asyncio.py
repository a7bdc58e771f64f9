"""ferrio's loop, tasks and futures where asyncio's are expected, and the loop's own methods."""

import asyncio
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, assert_type

import ferrio


class Lines(asyncio.Protocol):
    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.lost = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self.received.append(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(None)


def of_asyncio(loop: asyncio.AbstractEventLoop, future: asyncio.Future[int], task: asyncio.Task[int]) -> None:
    assert future.get_loop() is loop
    assert task.get_loop() is loop


def of_ferrio(future: ferrio.Future[int], task: ferrio.Task[int]) -> None:
    assert isinstance(future, asyncio.Future)
    assert isinstance(task, asyncio.Task)


async def twice(number: int) -> int:
    await asyncio.sleep(0)
    return 2 * number


async def tasks_and_futures(loop: ferrio.Loop) -> None:
    future: asyncio.Future[int] = loop.create_future()
    task = loop.create_task(twice(2), name="twice", context=copy_context())
    of_asyncio(loop, future, task)
    of_asyncio(loop, ferrio.Future(loop=loop), task)
    of_ferrio(future, task)
    future.add_done_callback(lambda done: assert_type(done.result(), int), context=copy_context())
    future.set_result(1)
    assert_type(await asyncio.gather(future, task), tuple[int, int])
    assert task.get_name() == "twice" and task.cancelling() == 0
    task.print_stack(limit=1)


async def scheduling(loop: ferrio.Loop) -> None:
    seen: list[int | str] = []
    loop.call_soon(seen.append, 1)
    loop.call_soon_threadsafe(seen.append, "two", context=copy_context())
    timer = loop.call_later(60, seen.append, 3)
    assert_type(timer, asyncio.TimerHandle)
    timer.cancel()
    loop.call_at(when=loop.time() + 60, callback=loop.stop, context=copy_context()).cancel()
    assert_type(await loop.create_task(coro=twice(1)), int)
    with ThreadPoolExecutor(1) as pool:
        assert_type(await loop.run_in_executor(pool, len, "abc"), int)
    loop.add_signal_handler(signal.SIGUSR1, seen.append, 4)
    assert_type(loop.remove_signal_handler(signal.SIGUSR1), bool)
    loop.set_exception_handler(lambda loop, context: print(loop, context["message"]))
    loop.set_exception_handler(None)
    loop.slow_callback_duration = 0.5
    assert seen == [1, "two"]


async def network(loop: ferrio.Loop) -> None:
    server = await loop.create_server(Lines, "127.0.0.1", 0, backlog=10)
    address: tuple[str, int] = server.sockets[0].getsockname()
    transport, protocol = await loop.create_connection(Lines, *address)
    assert_type(transport, asyncio.Transport)
    assert_type(protocol, Lines)
    transport.write(b"line\n")
    transport.close()
    await protocol.lost
    server.close()

    left, right = socket.socketpair()
    with left, right:
        left.setblocking(False)
        right.setblocking(False)
        loop.add_reader(right, loop.remove_reader, right)
        await loop.sock_sendall(left, b"bytes")
        assert_type(await loop.sock_recv(right, 10), bytes)
        loop.remove_reader(right)
    infos = await loop.getaddrinfo("127.0.0.1", address[1], type=socket.SOCK_STREAM)
    assert infos[0][4] == address


def eager(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Task[Any]:
    return ferrio.Task(coro, loop=loop, **options)


async def main() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, ferrio.Loop)
    await tasks_and_futures(loop)
    await scheduling(loop)
    await network(loop)
    loop.set_task_factory(eager)
    assert_type(await loop.create_task(twice(1)), int)
    loop.set_task_factory(None)
    await loop.shutdown_default_executor()


if __name__ == "__main__":
    ferrio.run(main())
