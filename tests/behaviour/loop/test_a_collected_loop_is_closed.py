"""A loop that nobody has closed is closed when it is collected: with a warning, by its own `close()`, wherever that happens."""

import pytest

#: What the programs below begin with: a loop with signal handlers that only the collector finds.
HEAD = """
import gc, signal, threading, warnings
warnings.simplefilter("ignore", ResourceWarning)
Base = type(new_event_loop())
gc.collect()
closed = []

class Loop(Base):
    def close(self):
        closed.append(threading.current_thread() is threading.main_thread())
        super().close()

def make(kind=Loop):
    loop = kind()
    loop.cycle = loop
    loop.add_signal_handler(signal.SIGTERM, print)
    loop.add_signal_handler(signal.SIGINT, print)
    return loop
"""


@pytest.fixture
def program(script):
    def program(body, **kwargs):
        import textwrap

        return script(textwrap.dedent(HEAD) + textwrap.dedent(body), **kwargs)

    return program


def test_its_close_is_called_and_signals_mean_what_they_did(program):
    done = program(
        """
        loop = make()
        loop.run_until_complete(asyncio.sleep(0.001))
        del loop
        gc.collect()
        assert closed == [True], closed
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        assert signal.set_wakeup_fd(-1) == -1
        os.kill(os.getpid(), signal.SIGTERM)
        """,
        check=False,
    )
    assert (done.returncode, done.stderr) == (-15, "")


def test_one_without_signal_handlers(program):
    done = program(
        """
        before = set(os.listdir("/proc/self/fd"))
        loop = Loop()
        del loop
        gc.collect()
        assert closed == [True], closed
        assert set(os.listdir("/proc/self/fd")) <= before
        """
    )
    assert done.stderr == ""


def test_the_warning_comes_first(program):
    program(
        """
        loop = make()
        shown = repr(loop)
        del loop
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            closed = caught
            gc.collect()
        assert [warning for warning in caught if warning is not True] == caught[:1]
        (first, *_) = caught
        assert str(first.message) == f"unclosed event loop {shown}", first.message
        assert first.category is ResourceWarning
        assert "closed=False" in shown
        assert caught[1:] == [True]
        """
    )


def test_its_executor_is_let_go(program):
    program(
        """
        from concurrent.futures import ThreadPoolExecutor

        class Executor(ThreadPoolExecutor):
            def shutdown(self, wait=True, **kwargs):
                ended.append(wait)
                super().shutdown(wait, **kwargs)

        ended = []
        loop = make()
        loop.set_default_executor(Executor())
        del loop
        gc.collect()
        assert ended == [False], ended
        """
    )


def test_one_that_is_closed_by_then_is_left_alone(program):
    program(
        """
        loop = make()
        loop.close()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        del loop
        warnings.simplefilter("error")
        gc.collect()
        assert closed == [True], closed
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
        """
    )


def test_what_its_close_raises_is_shown(program):
    program(
        """
        class Broken(Base):
            def close(self):
                super().close()
                raise LookupError("of close")

        seen = []
        sys.unraisablehook = lambda unraisable: seen.append(repr(unraisable.exc_value))
        loop = make(Broken)
        del loop
        gc.collect()
        assert seen == ["LookupError('of close')"], seen
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        """
    )


def test_a_close_that_does_nothing(program):
    """The loop is dropped all the same, and what it has of the system with it."""
    program(
        """
        class Still(Base):
            def close(self):
                closed.append("still")

        before = set(os.listdir("/proc/self/fd"))
        loop = Still()
        loop.call_soon(print, loop)
        loop.call_later(1, print, loop)
        del loop
        gc.collect()
        assert closed == ["still"], closed
        assert set(os.listdir("/proc/self/fd")) <= before
        """
    )


def test_in_another_thread_signal_handlers_cannot_be_removed(program):
    """asyncio's error says so. The loop is closed, and its executor let go."""
    program(
        """
        seen = []
        sys.unraisablehook = lambda unraisable: seen.append(repr(unraisable.exc_value))
        gc.disable()
        loop = make()
        del loop
        thread = threading.Thread(target=gc.collect)
        thread.start()
        thread.join()
        assert closed == [False], closed
        assert seen == [
            "ValueError('signal only works in main thread of the main interpreter')"
        ], seen
        """
    )


def test_while_another_loop_runs(program):
    program(
        """
        async def main():
            loop = make()
            del loop
            gc.collect()
            assert closed == [True], closed
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
            for number in range(1000):
                assert await asyncio.create_task(asyncio.sleep(0, number)) == number
            await asyncio.sleep(0.001)
            assert await asyncio.to_thread(lambda: 7) == 7

        run(main())
        """
    )


def test_one_whose_init_was_not_called(program, flavour):
    """asyncio's loops say that they have no `_closed`; those of ferrio are whole before `__init__`."""
    program(
        """
        class Refuses(Base):
            def __init__(self):
                raise LookupError("no")

        seen = []
        sys.unraisablehook = lambda unraisable: seen.append(repr(unraisable.exc_value))
        try:
            Refuses()
        except LookupError:
            pass
        gc.collect()
        if "ferrio" in sys.modules:
            assert not seen, seen
        """
    )


#: In debug mode asyncio's asks modules for tracebacks that are gone by then.
AT_EXIT = """
import signal
loop = new_event_loop()
loop.add_signal_handler(signal.SIGTERM, print)
loop.run_until_complete(asyncio.sleep(0.001))
loop.cycle = loop
"""


@pytest.mark.debug_off
def test_at_the_end_of_the_program(script):
    done = script(AT_EXIT, flags=["-W", "always"])
    unclosed, skipped = (line for line in done.stderr.splitlines() if "ResourceWarning" in line)
    assert "ResourceWarning: unclosed event loop <" in unclosed
    assert "ResourceWarning: Closing the loop <" in skipped
    assert "on interpreter shutdown stage, skipping signal handlers removal" in skipped


@pytest.mark.debug_off
def test_at_the_end_of_the_program_quietly(script):
    done = script(AT_EXIT, flags=["-W", "ignore"])
    assert done.stderr == ""


FORK = """
    left, right = __import__("socket").socketpair()
    left.setblocking(False)
    loop = make()
    loop.add_reader(left, lambda: loop.stop())
    loop.run_until_complete(asyncio.sleep(0.001))
    pid = os.fork()
    if not pid:
        del loop
        gc.collect()
        assert closed == [True], closed
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        print("the child is done", flush=True)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, status
    assert not closed
    assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    right.send(b"x")
    loop.run_forever()
    assert left.recv(10) == b"x"
    {more}
    loop.remove_reader(left)
    loop.close()
"""


def test_in_a_forked_child(program):
    done = program(FORK.format(more="pass"))
    assert done.stdout == "the child is done\n"


def test_the_parents_loop_goes_on(flavour, program):
    if flavour.name == "asyncio":
        pytest.skip("asyncio's share one epoll instance: the child has taken out what wakes the parent")
    more = """
    loop.add_signal_handler(signal.SIGTERM, loop.stop)
    threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
    loop.run_forever()
    threading.Timer(0.05, loop.call_soon_threadsafe, (loop.stop,)).start()
    loop.run_forever()
    child = loop.run_until_complete(asyncio.create_subprocess_exec("true"))
    assert loop.run_until_complete(child.wait()) == 0
    """
    done = program(FORK.format(more=more))
    assert done.stdout == "the child is done\n"


def test_a_forked_child_does_not_kill_the_parents_children(program):
    program(
        """
        import time

        async def start():
            return await asyncio.create_subprocess_exec("cat", stdin=asyncio.subprocess.PIPE)

        loop = make()
        process = loop.run_until_complete(start())
        pid = os.fork()
        if not pid:
            loop.process = process
            del loop, process
            gc.collect()
            # The thread that waits for the child in CPython 3.11 holds the loop.
            os._exit(0 if closed == [True] or sys.version_info < (3, 12) else 8)
        _, status = os.waitpid(pid, 0)
        time.sleep(0.1)
        alive = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        process.kill()
        assert os.waitstatus_to_exitcode(status) == 0, status
        # asyncio's loop may not see its end any more, with the epoll instance that the child has cleared.
        os._exit(0 if alive else 7)
        """
    )
