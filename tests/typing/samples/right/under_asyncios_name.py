"""A program for asyncio, annotated as such programs are, under `import ferrio as asyncio`."""

import sys
from collections.abc import AsyncIterator, Callable
from typing import Any, assert_type

import ferrio as asyncio
import ferrio.exceptions
from ferrio import CancelledError, StreamReader, StreamWriter
from ferrio.queues import QueueEmpty
from ferrio.subprocess import DEVNULL, PIPE


class Pool:
    def __init__(self) -> None:
        self.queue: asyncio.Queue[int] = asyncio.Queue()
        self.tasks: set[asyncio.Task[None]] = set()
        self.first: asyncio.Future[int] | None = None
        self.lock = asyncio.Lock()
        self.seen: list[int] = []

    async def work(self) -> None:
        while True:
            item = await self.queue.get()
            assert_type(item, int)
            async with self.lock:
                self.seen.append(item)
            if self.first is not None and not self.first.done():
                self.first.set_result(item)
            self.queue.task_done()

    async def run(self, items: int) -> int:
        self.first = asyncio.get_running_loop().create_future()
        self.tasks.add(asyncio.create_task(self.work()))
        self.tasks.add(asyncio.ensure_future(self.work()))
        for item in range(items):
            self.queue.put_nowait(item)
        await self.queue.join()
        for task in self.tasks:
            task.cancel()
        results = await asyncio.gather(*self.tasks, return_exceptions=True)
        assert_type(results, list[None | BaseException])
        assert all(isinstance(result, CancelledError) for result in results)
        return await self.first


async def length(text: str) -> int:
    await asyncio.sleep(0)
    return len(text)


async def greeting() -> str:
    return await asyncio.sleep(0, "hello")


async def tasks_and_timeouts() -> None:
    assert_type(await asyncio.gather(length("ab"), greeting()), tuple[int, str])
    assert_type(await asyncio.wait_for(length("ab"), timeout=5), int)
    assert_type(await asyncio.shield(length("ab")), int)
    assert_type(await asyncio.to_thread(len, "ab"), int)

    several: list[asyncio.Task[int]] = [asyncio.create_task(length("ab")) for _ in range(3)]
    done, pending = await asyncio.wait(several, return_when=asyncio.FIRST_COMPLETED)
    assert_type(done, set[asyncio.Task[int]])
    for future in asyncio.as_completed(pending):
        assert_type(await future, int)

    async with asyncio.timeout(5) as deadline, asyncio.TaskGroup() as group:
        assert_type(deadline, asyncio.Timeout)
        task: asyncio.Task[int] = group.create_task(length("abc"), name="length")
    assert_type(task.result(), int)
    try:
        async with asyncio.timeout(0):
            await asyncio.Event().wait()
    except asyncio.TimeoutError as error:
        assert_type(error, TimeoutError)

    current = asyncio.current_task()
    assert current in asyncio.all_tasks()
    mine: asyncio.Future[int] = asyncio.Future()
    mine.set_result(1)
    assert_type(await mine, int)
    assert_type(await asyncio.Task(length("abc"), name="length"), int)
    try:
        asyncio.Queue[int]().get_nowait()
    except QueueEmpty:
        pass
    assert ferrio.exceptions.CancelledError is asyncio.CancelledError
    if sys.version_info >= (3, 14):
        assert asyncio.capture_call_graph() is not None


async def lines(reader: StreamReader) -> AsyncIterator[bytes]:
    async for line in reader:
        assert_type(line, bytes)
        yield line


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    async for line in lines(reader):
        writer.write(line)
        await writer.drain()
    writer.close()


async def streams() -> None:
    handler: Callable[[StreamReader, StreamWriter], Any] = echo
    async with await asyncio.start_server(handler, "127.0.0.1", 0) as server:
        assert_type(server, asyncio.Server)
        port: int = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"one\n")
        assert_type(await reader.readline(), bytes)
        writer.close()
        await writer.wait_closed()


async def main() -> int:
    await tasks_and_timeouts()
    await streams()
    assert (DEVNULL, PIPE) == (asyncio.subprocess.DEVNULL, asyncio.subprocess.PIPE)
    return await Pool().run(10)


if __name__ == "__main__":
    assert asyncio.run(main()) == 0
