"""Those that name a loop, or have asyncio make one."""

from old_programs import ALL, UNTIL_39, program

program(
    "a connection in generators",
    UNTIL_39,
    """
    import asyncio

    @asyncio.coroutine
    def answer(reader, writer):
        line = yield from reader.readline()
        writer.write(line.upper())
        yield from writer.drain()
        writer.close()

    @asyncio.coroutine
    def ask(port, loop):
        reader, writer = yield from asyncio.open_connection("127.0.0.1", port, loop=loop)
        writer.write(b"hello\\n")
        print((yield from reader.read()))
        writer.close()

    loop = asyncio.get_event_loop()
    server = loop.run_until_complete(asyncio.start_server(answer, "127.0.0.1", 0, loop=loop))
    loop.run_until_complete(ask(server.sockets[0].getsockname()[1], loop))
    server.close()
    loop.run_until_complete(server.wait_closed())
    """,
    """
    b'HELLO\\n'
    """,
)

program(
    "loop= of functions",
    UNTIL_39,
    """
    import asyncio, os, sys, tempfile

    loop = asyncio.new_event_loop()
    run = loop.run_until_complete

    async def gives(x):
        await asyncio.sleep(0, loop=loop)
        return x

    async def fails():
        raise KeyError(1)

    # The current loop is another one, or none: only the argument says which.
    print(run(asyncio.sleep(0, "slept", loop=loop)), run(asyncio.sleep(0, result="again", loop=None)))
    done, pending = run(asyncio.wait([gives(1)], loop=loop, timeout=60))
    print([task.result() for task in done], pending)
    print(run(asyncio.wait_for(gives(2), 60, loop=loop)))
    print(run(asyncio.gather(gives(3), gives(4), loop=loop)), run(asyncio.gather(loop=loop)))
    print([str(each) for each in run(asyncio.gather(gives(5), fails(), loop=loop, return_exceptions=True))])
    same = gives(6)
    print(run(asyncio.gather(same, same, loop=loop)))
    print(run(asyncio.shield(gives(7), loop=loop)), run(asyncio.ensure_future(gives(8), loop=loop)))
    print([run(each) for each in asyncio.as_completed([gives(9)], loop=loop)])
    print([run(each) for each in asyncio.as_completed([gives(10)], loop=loop, timeout=60)])

    async def children():
        for make, what in ((asyncio.create_subprocess_exec, ("echo", "exec")), (asyncio.create_subprocess_shell, ("echo shell",))):
            process = await make(*what, stdout=asyncio.subprocess.PIPE, loop=loop)
            print((await process.communicate())[0], process.returncode)

    asyncio.set_event_loop(loop)
    run(children())

    async def unix():
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "s")
            server = await asyncio.start_unix_server(lambda reader, writer: writer.close(), path, loop=loop, limit=100)
            reader, writer = await asyncio.open_unix_connection(path, loop=loop)
            print(await reader.read())
            writer.close()
            server.close()

    run(unix())
    run(loop.shutdown_asyncgens())
    """,
    """
    slept again
    [1] set()
    2
    [3, 4] []
    ['5', '1']
    [6, 6]
    7 8
    [9]
    [10]
    b'exec\\n' 0
    b'shell\\n' 0
    b''
    """,
)

program(
    "another loop than the one given",
    UNTIL_39,
    """
    import asyncio

    here, there = asyncio.new_event_loop(), asyncio.new_event_loop()

    async def gives():
        return 1

    def tells(make):
        try:
            print(here.run_until_complete(make()))
        except (RuntimeError, ValueError) as error:
            print(type(error).__name__)

    tells(lambda: asyncio.sleep(0.001, loop=there))
    future = here.create_future()
    tells(lambda: asyncio.gather(future, loop=there))
    tells(lambda: asyncio.shield(future, loop=there))

    async def takes(queue):
        waiting = asyncio.ensure_future(queue.get())
        await asyncio.sleep(0)
        queue.put_nowait(1)
        return await waiting

    tells(lambda: takes(asyncio.Queue(loop=here)))
    tells(lambda: takes(asyncio.Queue(loop=there)))

    async def outer():
        return isinstance(asyncio.gather(loop=there), asyncio.Future)

    print(here.run_until_complete(outer()))
    """,
    """
    RuntimeError
    ValueError
    ValueError
    1
    RuntimeError
    True
    """,
)

program(
    "loop= of locks and queues",
    UNTIL_39,
    """
    import asyncio

    loop = asyncio.get_event_loop()

    class Mine(asyncio.Queue):
        def __init__(self, maxsize=0, *, loop=None):
            super().__init__(maxsize, loop=loop)
            self.made = self._loop.create_future()

        def _init(self, maxsize):
            self.asked = self._loop
            super()._init(maxsize)

    class Reader(asyncio.StreamReader):
        def __init__(self, limit=100, loop=None):
            super().__init__(limit=limit, loop=loop)

    for made in (
        asyncio.Lock(loop=loop), asyncio.Event(loop=loop), asyncio.Condition(loop=loop), asyncio.Semaphore(2, loop=loop),
        asyncio.BoundedSemaphore(value=2, loop=loop), asyncio.Queue(3, loop=loop), asyncio.PriorityQueue(loop=loop),
        asyncio.LifoQueue(maxsize=4, loop=loop), asyncio.Lock(loop=None), Mine(5, loop=loop), Mine(), Reader(loop=loop),
        asyncio.Condition(asyncio.Lock(loop=loop), loop=loop),
    ):
        print(type(made).__name__, made._loop is loop, getattr(made, "maxsize", None))
    assert isinstance(Mine(), asyncio.Queue) and issubclass(asyncio.LifoQueue, asyncio.Queue)
    assert Mine().made._loop is loop and Mine(loop=loop).asked is loop
    for wrong in (lambda: asyncio.Condition(asyncio.Lock(loop=loop), loop=asyncio.new_event_loop()), lambda: asyncio.Semaphore(-1, loop=loop)):
        try:
            wrong()
        except ValueError as error:
            print(error)

    async def use(queue, lock):
        async def put():
            async with lock:
                for each in range(6):
                    await queue.put(each)
                await queue.join()
                return "joined"

        task = asyncio.ensure_future(put())
        got = []
        while len(got) < 6:
            got.append(await queue.get())
            queue.task_done()
        print(got, await task)

    loop.run_until_complete(use(Mine(1, loop=loop), asyncio.Lock(loop=loop)))
    loop.run_until_complete(use(Mine(1), asyncio.Semaphore()))
    reader = Reader(loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    reader.feed_data(b"a line\\n")
    print(loop.run_until_complete(reader.readline()))
    """,
    """
    Lock True None
    Event True None
    Condition True None
    Semaphore True None
    BoundedSemaphore True None
    Queue True 3
    PriorityQueue True 0
    LifoQueue True 4
    Lock True None
    Mine True 5
    Mine True 0
    Reader True None
    Condition True None
    loop argument must agree with lock
    Semaphore initial value must be >= 0
    [0, 1, 2, 3, 4, 5] joined
    [0, 1, 2, 3, 4, 5] joined
    b'a line\\n'
    """,
)

program(
    "the main thread's loop",
    ALL,
    """
    import asyncio, threading

    loop = asyncio.get_event_loop()
    print(loop is asyncio.get_event_loop(), loop is asyncio.get_event_loop_policy().get_event_loop(), loop.is_running())

    def elsewhere():
        try:
            asyncio.get_event_loop()
        except RuntimeError as error:
            print(error)

    thread = threading.Thread(target=elsewhere, name="another")
    thread.start()
    thread.join()

    async def running():
        return asyncio.get_event_loop() is loop

    print(loop.run_until_complete(running()))
    loop.close()
    print(asyncio.get_event_loop().is_closed())
    asyncio.set_event_loop(None)
    for setting in (None, asyncio.new_event_loop()):
        asyncio.set_event_loop(setting)
        try:
            print(asyncio.get_event_loop() is setting)
        except RuntimeError as error:
            print(error)

    class Policy(asyncio.DefaultEventLoopPolicy):
        pass

    assert issubclass(Policy, asyncio.AbstractEventLoopPolicy)
    asyncio.set_event_loop_policy(Policy())
    print(asyncio.get_event_loop() is loop, asyncio.ensure_future(running()).cancel())
    """,
    """
    True True False
    There is no current event loop in thread 'another'.
    True
    True
    There is no current event loop in thread 'MainThread'.
    True
    False True
    """,
)

program(
    "after asyncio.run there is no loop",
    ALL[1:],
    """
    import asyncio

    async def main():
        return 1

    print(asyncio.run(main()))
    try:
        asyncio.get_event_loop()
    except RuntimeError as error:
        print(error)
    """,
    """
    1
    There is no current event loop in thread 'MainThread'.
    """,
)

program(
    "what loops took",
    ("3.8", "3.9", "3.10"),
    """
    import asyncio, concurrent.futures, os

    # From 3.14 on the pool's processes import this.
    if __name__ == "__main__":
        loop = asyncio.get_event_loop()
        with concurrent.futures.ProcessPoolExecutor(1) as pool:
            loop.set_default_executor(pool)
            print(loop.run_until_complete(loop.run_in_executor(None, os.getpid)) != os.getpid())
        transport, protocol = loop.run_until_complete(
            loop.create_datagram_endpoint(asyncio.DatagramProtocol, ("127.0.0.1", 0), reuse_address=False)
        )
        transport.close()
        try:
            loop.run_until_complete(
                loop.create_datagram_endpoint(asyncio.DatagramProtocol, ("127.0.0.1", 0), reuse_address=True)
            )
        except ValueError as error:
            print(error)
        loop.run_until_complete(asyncio.sleep(0))
    """,
    """
    True
    Passing `reuse_address=True` is no longer supported, as the usage of SO_REUSEPORT in UDP poses a significant security concern.
    """,
)
