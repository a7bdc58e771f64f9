"""Do one thing very often on one loop and print what it cost in memory, objects and descriptors, as
JSON.

    python tests/stress/soak.py asyncio|ferrio|ferrio+install WORKLOAD COUNT

The work is done in parts; a sample is taken after each. The first part fills caches and pools.
"""

import asyncio
import concurrent.futures
import contextlib
import gc
import importlib
import itertools
import json
import os
import sys

PARTS = 5
WORKLOADS = {}


def workload(count):
    """Register a coroutine function (loop, count) with the count of a full run."""

    def register(function):
        WORKLOADS[function.__name__] = (function, count)
        return function

    return register


def sample():
    """Resident KiB, objects the collector knows, open descriptors."""
    gc.collect()
    gc.collect()
    with open("/proc/self/statm") as statm:
        pages = int(statm.read().split()[1])
    return {
        "rss_kib": pages * os.sysconf("SC_PAGE_SIZE") // 1024,
        "objects": len(gc.get_objects()),
        "fds": len(os.listdir("/proc/self/fd")),
    }


def soak(module, name, count):
    """All parts of one workload on one loop of the module."""
    name_of_module, _, installed = module.partition("+")
    module = importlib.import_module(name_of_module)
    if installed:
        module.install()
    loop = module.new_event_loop()
    # A pool starts another thread whenever none is idle, which depends on the machine's load; a sample would count each.
    loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(1))
    samples = []
    for _ in range(PARTS):
        loop.run_until_complete(WORKLOADS[name][0](loop, max(1, count // PARTS)))
        samples.append(sample())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    return samples


async def value(result):
    return result


async def fail():
    raise LookupError


@workload(10_000_000)
async def task_steps(loop, count):
    async def stepper(steps):
        for _ in range(steps):
            await asyncio.sleep(0)

    await asyncio.gather(*(loop.create_task(stepper(count // 10)) for _ in range(10)))


@workload(100_000)
async def futures(loop, count):
    for number in range(count):
        future = loop.create_future()
        future.add_done_callback(lambda future: None)
        loop.call_soon(future.set_result, number)
        assert await future == number


@workload(100_000)
async def failed_futures(loop, count):
    for _ in range(count):
        future = loop.create_future()
        future.set_exception(LookupError())
        try:
            await future
        except LookupError:
            pass


@workload(100_000)
async def tasks(loop, count):
    for number in range(count):
        await loop.create_task(value(number), name="soak")


@workload(100_000)
async def failed_tasks(loop, count):
    for _ in range(count):
        try:
            await loop.create_task(fail())
        except LookupError:
            pass


@workload(100_000)
async def cancelled_tasks(loop, count):
    for _ in range(count):
        task = loop.create_task(asyncio.sleep(1000))
        await asyncio.sleep(0)
        task.cancel("message")
        try:
            await task
        except asyncio.CancelledError:
            pass


@workload(100_000)
async def abandoned_tasks(loop, count):
    async def forever():
        await loop.create_future()

    for _ in range(count):
        task = loop.create_task(forever())
        task._log_destroy_pending = False
        await asyncio.sleep(0)


@workload(100_000)
async def gathers(loop, count):
    for _ in range(count // 10):
        await asyncio.gather(*(value(number) for number in range(10)))


@workload(100_000)
async def waits(loop, count):
    for _ in range(count // 10):
        await asyncio.wait([loop.create_task(value(number)) for number in range(10)])


@workload(100_000)
async def cancelled_gathers_and_waits(loop, count):
    async def forever():
        await loop.create_future()

    future = loop.create_future()
    for _ in range(count // 10):
        gathering = asyncio.gather(forever(), forever())
        waiting = loop.create_task(asyncio.wait([gathering, future], timeout=1000))
        await asyncio.sleep(0)
        waiting.cancel()
        gathering.cancel()
        await asyncio.gather(gathering, waiting, return_exceptions=True)


@workload(100_000)
async def timeouts(loop, count):
    for _ in range(count):
        async with asyncio.timeout(1000):
            await asyncio.sleep(0)
        await asyncio.wait_for(value(1), 1000)


@workload(100_000)
async def groups(loop, count):
    for _ in range(count // 10):
        async with asyncio.TaskGroup() as group:
            for number in range(10):
                group.create_task(value(number))


@workload(100_000)
async def shields(loop, count):
    for number in range(count):
        await asyncio.shield(loop.create_task(value(number)))


@workload(1_000_000)
async def callbacks(loop, count):
    done = loop.create_future()

    def chain(left):
        if left:
            loop.call_soon(chain, left - 1)
        else:
            done.set_result(None)

    loop.call_soon(chain, count)
    await done


@workload(100_000)
async def timers(loop, count):
    for _ in range(count // 1000):
        for number in range(999):
            handle = loop.call_later(0.00001 * number, int)
            if number % 2:
                handle.cancel()
        await asyncio.sleep(0.011)


@workload(100_000)
async def cancelled_timers(loop, count):
    for _ in range(count):
        loop.call_later(1000, int).cancel()
    await asyncio.sleep(0)


@workload(100_000)
async def threadsafe_calls(loop, count):
    def work():
        for _ in range(count):
            loop.call_soon_threadsafe(int)

    await asyncio.to_thread(work)


@workload(20_000)
async def executor_jobs(loop, count):
    for number in range(count):
        assert await loop.run_in_executor(None, abs, -number) == number


@workload(100_000)
async def queues_and_locks(loop, count):
    queue, lock, gate = asyncio.Queue(1), asyncio.Lock(), asyncio.Semaphore(2)

    async def produce():
        for number in range(count):
            await queue.put(number)

    task = loop.create_task(produce())
    for number in range(count):
        async with lock, gate:
            assert await queue.get() == number
    await task


@workload(100_000)
async def events_and_conditions(loop, count):
    condition, priorities = asyncio.Condition(), asyncio.PriorityQueue()

    async def wait():
        async with condition:
            await condition.wait()

    for number in range(count // 10):
        event, queue = asyncio.Event(), asyncio.LifoQueue()
        waiting = [loop.create_task(event.wait()), loop.create_task(wait())]
        waiting.append(loop.create_task(queue.get()))
        priorities.put_nowait((number, event))
        await asyncio.sleep(0)
        repr((condition, event, queue, priorities))
        event.set()
        queue.put_nowait(number)
        async with condition:
            condition.notify_all()
        await asyncio.gather(*waiting)
        await priorities.get()
        queue.task_done()
        await queue.join()


@workload(100_000)
async def cancelled_waiters(loop, count):
    lock, gate, condition = asyncio.Lock(), asyncio.Semaphore(0), asyncio.Condition()
    event, empty, full = asyncio.Event(), asyncio.Queue(), asyncio.Queue(1)
    await lock.acquire()
    full.put_nowait(0)

    async def wait():
        async with condition:
            await condition.wait()

    for number in range(count // 10):
        waits = [lock.acquire(), gate.acquire(), event.wait(), empty.get(), full.put(number)]
        waits += [full.join(), wait()]
        waiting = [loop.create_task(coroutine) for coroutine in waits]
        await asyncio.sleep(0)
        if number % 2:
            # Woken first: the wake-up is handed on.
            gate.release()
            empty.put_nowait(number)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        if number % 2:
            await gate.acquire()
            await empty.get()


@workload(100_000)
async def abandoned_waiters(loop, count):
    for number in range(count // 10):
        for object in (asyncio.Event(), asyncio.Condition(), asyncio.Queue()):
            object.mine = object
            if isinstance(object, asyncio.Condition):
                await object.acquire()
            wait = object.get if isinstance(object, asyncio.Queue) else object.wait
            object.coroutine = wait()
            object.coroutine.send(None)._asyncio_future_blocking = False
        del object, wait
        if number % 100 == 0:
            gc.collect()


@workload(100_000)
async def readers(loop, count):
    import socket

    left, right = socket.socketpair()
    for _ in range(count):
        loop.add_reader(left, int)
        loop.add_writer(left, int)
        loop.remove_writer(left)
        loop.remove_reader(left)
    left.close()
    right.close()


@workload(100_000)
async def socket_messages(loop, count):
    import socket

    left, right = socket.socketpair()
    left.setblocking(False)
    right.setblocking(False)
    for _ in range(count):
        waiting = loop.create_task(loop.sock_recv(right, 100))
        await loop.sock_sendall(left, b"message")
        assert await waiting == b"message"
    left.close()
    right.close()


@workload(100_000)
async def addresses(loop, count):
    for port in range(count):
        await loop.getaddrinfo("127.0.0.1", port % 60_000 + 1)


@workload(100_000)
async def stream_messages(loop, count):
    async def echo(reader, writer):
        while data := await reader.readline():
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    for number in range(count):
        writer.write(b"%d\n" % number)
        assert int(await reader.readline()) == number
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()


@workload(100_000)
async def stream_lines(loop, count):
    """Many at a time, by every way to read; some calls are cancelled while they wait."""

    async def echo(reader, writer):
        while data := await reader.read(10_000):
            writer.write(data)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    for number in range(count // 10):
        waiting = asyncio.create_task(reader.readuntil(b"\n"))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        line = b"%d\n" % number
        writer.write(line * 10)
        await writer.drain()
        assert await reader.readexactly(len(line)) == line
        assert await reader.readuntil(line) == line
        for _ in range(8):
            assert await reader.readline() == line
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()


@workload(20_000)
async def stream_megabytes(loop, count):
    """A megabyte for each hundred of the count, read in every size, the reader now and then full."""

    async def send(reader, writer):
        for _ in range(count // 100):
            writer.write(bytes(1_000_000))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(send, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    left = count // 100 * 1_000_000
    for size in itertools.cycle([1, 1000, 60_000, 200_000]):
        left -= len(await reader.readexactly(min(left, size)))
        if not left:
            break
        left -= len(await reader.read(size))
        await asyncio.sleep(0)
        if not left:
            break
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()


@workload(20_000)
async def stream_connections(loop, count):
    """Opened, used and closed with a reset, so that no port waits in TIME_WAIT."""
    import socket
    import struct

    async def answer(reader, writer):
        writer.write(await reader.readline())
        with contextlib.suppress(ConnectionResetError):
            await reader.read()
        writer.close()
        with contextlib.suppress(ConnectionResetError):
            await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=100)
    address = server.sockets[0].getsockname()

    async def client(turns):
        for _ in range(turns):
            reader, writer = await asyncio.open_connection(*address)
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.write(b"line\n")
            assert await reader.readline() == b"line\n"
            writer.close()
            await writer.wait_closed()

    await asyncio.gather(*(client(max(1, count // 20)) for _ in range(20)))
    server.close()
    await server.wait_closed()
    while len(asyncio.all_tasks()) > 1:
        await asyncio.sleep(0.001)


class Counting(asyncio.Protocol):
    """Sends one byte back, counts connections, wakes whoever waits for the last one."""

    open = 0

    def connection_made(self, transport):
        self.transport = transport
        type(self).open += 1

    def data_received(self, data):
        self.transport.write(data)

    def connection_lost(self, exc):
        type(self).open -= 1


@workload(100_000)
async def connections(loop, count):
    """Opened by 20 clients at a time; every end is closed by the client, with a reset, so that no
    port waits in TIME_WAIT."""
    import socket
    import struct

    server = await loop.create_server(Counting, "127.0.0.1", 0, backlog=100)
    address = server.sockets[0].getsockname()

    class Client(asyncio.Protocol):
        def __init__(self):
            self.closed = loop.create_future()

        def connection_made(self, transport):
            self.transport = transport
            sock = transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.write(b"x")

        def data_received(self, data):
            self.transport.close()

        def connection_lost(self, exc):
            self.closed.set_result(None)

    async def client(turns):
        for _ in range(turns):
            _, protocol = await loop.create_connection(Client, *address)
            await protocol.closed

    await asyncio.gather(*(client(max(1, count // 20)) for _ in range(20)))
    while Counting.open:
        await asyncio.sleep(0.001)
    server.close()
    await server.wait_closed()


@workload(20_000)
async def failed_connections(loop, count):
    import socket

    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        for _ in range(count):
            try:
                await loop.create_connection(Counting, *closed.getsockname())
            except ConnectionRefusedError:
                pass


@workload(5_000)
async def loops(loop, count):
    def work():
        make = type(loop)
        for _ in range(count):
            other = make()
            other.run_until_complete(asyncio.sleep(0))
            other.close()

    await asyncio.to_thread(work)


@workload(20_000)
async def async_generators(loop, count):
    async def generator():
        try:
            yield 1
        finally:
            await asyncio.sleep(0)

    for _ in range(count):
        async for _ in generator():
            break
        await asyncio.sleep(0)


if __name__ == "__main__":
    print(json.dumps(soak(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
