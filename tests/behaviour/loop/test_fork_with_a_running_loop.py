"""fork() inside a running loop: the child makes its own loop, the parent's goes on untouched."""

import sys

import pytest

# Since 3.12 a fork with a second thread alive warns; here that thread is the watchdog of the
# program.

CHILD = """
    import socket

    async def main():
        loop = asyncio.get_running_loop()
        seen = []
        left, right = socket.socketpair()
        left.setblocking(False)
        loop.add_reader(left, lambda: seen.append(left.recv(100)))
        timer = loop.call_later(0.05, seen.append, "timer")
        others = [asyncio.create_task(asyncio.sleep(0.01, number)) for number in range(5)]
        loop.call_soon(seen.append, "soon")
        pid = os.fork()
        if not pid:
            code = 1
            try:
                child()
                code = 0
            except BaseException:
                import traceback
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0, status
        right.send(b"to the parent")
        assert await asyncio.gather(*others) == [0, 1, 2, 3, 4]
        await asyncio.sleep(0.06)
        assert seen[0] == "soon" and set(seen) == {"soon", b"to the parent", "timer"}, seen
        assert len(seen) == 3, seen
        loop.remove_reader(left)
        left.close()
        right.close()
        # The inbox still works: what wakes the parent was not shared away.
        await asyncio.to_thread(loop.call_soon_threadsafe, seen.append, "thread")
        await asyncio.sleep(0)
        assert seen[-1] == "thread"
        print("parent went on", flush=True)

"""


def fork_program(child):
    import textwrap

    return textwrap.dedent(CHILD) + textwrap.dedent(child) + "\nrun(main())\n"


def test_the_child_runs_a_loop_of_its_own(script):
    done = script(
        fork_program(
            """
            def child():
                try:
                    asyncio.get_running_loop()
                except RuntimeError:
                    pass
                else:
                    raise AssertionError("the parent's loop is still current in the child")
                async def inside():
                    assert asyncio.all_tasks() == {asyncio.current_task()}
                    return await asyncio.sleep(0.01, "child ran")
                print(run(inside()))
            """
        )
    )
    assert done.stdout == "child ran\nparent went on\n"


def test_the_child_serves_and_connects(script):
    done = script(
        fork_program(
            """
            async def echo(reader, writer):
                writer.write(await reader.read(100))
                writer.close()

            async def talk():
                server = await asyncio.start_server(echo, "127.0.0.1", 0)
                reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
                writer.write(b"hello")
                data = await reader.read(100)
                writer.close()
                server.close()
                return data

            def child():
                print(run(talk()))
            """
        )
    )
    assert done.stdout == "b'hello'\nparent went on\n"


def test_the_child_uses_signals_and_threads(script):
    done = script(
        fork_program(
            """
            import signal

            async def inside():
                loop = asyncio.get_running_loop()
                called = asyncio.Event()
                loop.add_signal_handler(signal.SIGUSR1, called.set)
                await asyncio.to_thread(os.kill, os.getpid(), signal.SIGUSR1)
                await called.wait()
                print("child heard")

            def child():
                run(inside())
            """
        )
    )
    assert done.stdout == "child heard\nparent went on\n"


def test_the_child_forgets_the_parents_loop(script):
    """Dropping the inherited loop in the child must not take the parent's descriptors out of its
    epoll set."""
    done = script(
        fork_program(
            """
            import gc

            def child():
                loop = new_event_loop()
                loop.close()
                gc.collect()
                print("child done")
            """
        )
    )
    assert done.stdout == "child done\nparent went on\n"


@pytest.mark.skipif(sys.platform != "linux", reason="the fork start method")
def test_multiprocessing_by_fork_from_a_coroutine(script):
    done = script(
        """
        import multiprocessing

        async def inside(number):
            await asyncio.sleep(0.001)
            return number * 2

        def work(connection, number):
            connection.send(run(inside(number)))
            connection.close()

        async def main():
            context = multiprocessing.get_context("fork")
            for number in range(3):
                ours, theirs = context.Pipe()
                process = context.Process(target=work, args=(theirs, number))
                process.start()
                loop = asyncio.get_running_loop()
                arrived = asyncio.Event()
                loop.add_reader(ours.fileno(), arrived.set)
                await arrived.wait()
                loop.remove_reader(ours.fileno())
                assert ours.recv() == number * 2
                process.join()
                assert process.exitcode == 0
            print("forked")

        run(main())
        """
    )
    assert done.stdout == "forked\n"
