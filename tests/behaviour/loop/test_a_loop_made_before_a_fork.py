"""A program makes its loop, then goes into the background: the child runs it."""

PROGRAM = """
    import signal, socket

    left, right = socket.socketpair()
    left.setblocking(False)
    seen = []
    loop = new_event_loop()
    loop.add_reader(left, lambda: seen.append(left.recv(100)))
    {before}
    ended = []

    async def echo(reader, writer):
        writer.write(await reader.readexactly(5))
        await writer.drain()
        writer.close()

    async def main():
        right.send(b"to the child")
        loop.call_later(0.001, seen.append, "timer")
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"hello")
        assert await reader.read() == b"hello"
        writer.close()
        server.close()
        assert await loop.run_in_executor(None, lambda: 7) == 7
        assert await loop.getaddrinfo("localhost", 80)
        called = asyncio.Event()
        await asyncio.to_thread(loop.call_soon_threadsafe, called.set)
        await called.wait()
        told = asyncio.Event()
        loop.add_signal_handler(signal.SIGUSR1, told.set)
        os.kill(os.getpid(), signal.SIGUSR1)
        await told.wait()
        loop.remove_signal_handler(signal.SIGUSR1)
        process = await asyncio.create_subprocess_exec("true")
        assert await process.wait() == 0
        await asyncio.sleep(0.002)
        assert set(seen) == {{b"to the child", "timer"}}, seen

    pid = os.fork()
    if not pid:
        loop.run_until_complete(main())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        print("the child is done", flush=True)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, status
    {after}
    loop.remove_reader(left)
    loop.close()
"""


def program(before="pass", after="pass"):
    return PROGRAM.format(before=before, after=after)


def test_the_child_runs_it(script):
    assert "the child is done" in script(program()).stdout


def test_the_child_runs_one_that_has_run_before(script):
    before = "loop.run_until_complete(asyncio.sleep(0.001))"
    assert "the child is done" in script(program(before)).stdout


def test_the_child_runs_one_with_signal_handlers(script):
    before = "loop.add_signal_handler(signal.SIGUSR2, print); loop.run_until_complete(asyncio.sleep(0.001))"
    assert "the child is done" in script(program(before)).stdout


def test_the_parents_goes_on(flavour, script):
    if flavour.name == "asyncio":
        import pytest

        pytest.skip("asyncio's share one epoll instance: the child has taken the reader out")
    after = """
    right.send(b"to the parent")
    async def wait():
        while b"to the parent" not in seen:
            await asyncio.sleep(0.001)
        await asyncio.to_thread(loop.call_soon_threadsafe, seen.append, "thread")
        await asyncio.sleep(0)
        assert seen[-1] == "thread"
    loop.run_until_complete(wait())
    loop.run_until_complete(loop.shutdown_default_executor())
    """
    assert "the child is done" in script(program("loop.run_until_complete(asyncio.sleep(0.001))", after)).stdout
