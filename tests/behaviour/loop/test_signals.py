"""Signal handlers and Ctrl-C: in an idle loop, in a busy one, under run, and everything that is
refused."""

import asyncio
import ctypes
import functools
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest


def test_a_handler_is_called_in_the_loop(loop):
    seen = []

    def handler(*args):
        seen.append(
            (
                args,
                asyncio.get_running_loop() is loop,
                threading.current_thread() is threading.main_thread(),
            )
        )
        loop.stop()

    loop.add_signal_handler(signal.SIGUSR1, handler, 1, "two")
    loop.call_soon(os.kill, os.getpid(), signal.SIGUSR1)
    loop.run_forever()
    assert seen == [((1, "two"), True, True)]
    assert loop.remove_signal_handler(signal.SIGUSR1) is True
    assert loop.remove_signal_handler(signal.SIGUSR1) is False
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL


def test_an_idle_loop_is_woken(script):
    done = script(
        """
        import signal, threading, time
        loop = new_event_loop()
        loop.add_signal_handler(signal.SIGUSR1, loop.stop)
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        loop.run_forever()
        loop.close()
        print("woken")
        """
    )
    assert done.stdout == "woken\n"


def test_adding_again_replaces(loop):
    seen = []
    loop.add_signal_handler(signal.SIGUSR1, seen.append, "first")
    loop.add_signal_handler(signal.SIGUSR1, seen.append, "second")
    loop.call_soon(os.kill, os.getpid(), signal.SIGUSR1)
    loop.run_until_complete(asyncio.sleep(0.005))
    assert seen == ["second"]
    loop.remove_signal_handler(signal.SIGUSR1)


def test_several_signals(loop):
    seen = []
    for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM):
        loop.add_signal_handler(number, seen.append, number)
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
        loop.call_soon(os.kill, os.getpid(), number)
    loop.run_until_complete(asyncio.sleep(0.01))
    assert set(seen) == {signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM}
    for number in seen:
        loop.remove_signal_handler(number)


def test_a_handler_that_raises_is_reported(loop, reported):
    loop.set_exception_handler(reported)
    loop.add_signal_handler(signal.SIGUSR1, lambda: 1 / 0)
    loop.call_soon(os.kill, os.getpid(), signal.SIGUSR1)
    loop.run_until_complete(asyncio.sleep(0.005))
    assert isinstance(reported[0]["exception"], ZeroDivisionError)
    loop.remove_signal_handler(signal.SIGUSR1)


def test_close_removes_the_handlers(loop):
    loop.add_signal_handler(signal.SIGUSR1, print)
    loop.close()
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL
    assert signal.set_wakeup_fd(-1) == -1


def test_removing_sigint_brings_back_ctrl_c(loop):
    previous = signal.getsignal(signal.SIGINT)
    loop.add_signal_handler(signal.SIGINT, print)
    assert loop.remove_signal_handler(signal.SIGINT) is True
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, previous)


def test_pythons_own_handlers_work_without_add_signal_handler(loop):
    seen = []
    previous = signal.signal(
        signal.SIGUSR1, lambda number, frame: (seen.append(number), loop.stop())
    )
    try:
        loop.call_later(0.002, os.kill, os.getpid(), signal.SIGUSR1)
        loop.call_later(1000, print)
        # stop() from a Python signal handler sets the flag; the loop looks at it when the system
        # call is interrupted.
        loop.call_later(0.05, loop.stop)
        loop.run_forever()
    finally:
        signal.signal(signal.SIGUSR1, previous)
    assert seen == [signal.SIGUSR1]


def test_a_handler_interrupts_callbacks_that_are_all_native(flavour, loop):
    """The interpreter looks for signals only where it runs bytecode; here nobody else does."""
    if flavour.name == "asyncio":
        pytest.skip("asyncio's runs bytecode, and an interrupt at the wrong moment leaves it the running loop for ever")

    def ring(number, frame):
        raise KeyboardInterrupt

    again = functools.partial(loop.call_soon)
    again.__setstate__((loop.call_soon, (again,), {}, {}))
    previous = signal.signal(signal.SIGALRM, ring)
    try:
        loop.call_soon(signal.setitimer, signal.ITIMER_REAL, 0.01)
        loop.call_soon(again)
        with pytest.raises(KeyboardInterrupt):
            loop.run_forever()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        again.__setstate__((print, (), {}, {}))


def test_a_signal_that_came_before_the_first_sleep(loop):
    seen = []
    previous = signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(number))
    try:
        loop.call_soon(signal.raise_signal, signal.SIGUSR1)
        loop.run_until_complete(asyncio.sleep(0.001))
    finally:
        signal.signal(signal.SIGUSR1, previous)
    assert seen == [signal.SIGUSR1]


def test_who_counts_descriptors_before_and_after_a_sleep_finds_as_many(loop):
    """Found by a program that waits until its connections are gone: the first sleep made a pipe."""
    counts = []

    def count():
        counts.append(os.listdir("/proc/self/fd"))

    loop.call_soon(count)
    loop.call_later(0.001, count)
    loop.call_later(0.001, loop.stop)
    loop.run_forever()
    assert counts[0] == counts[1]


@pytest.mark.parametrize("junk", ["SIGINT", 1.5, None])
def test_a_signal_is_an_integer(loop, junk):
    with pytest.raises(TypeError, match="^sig must be an int, not "):
        loop.add_signal_handler(junk, print)
    with pytest.raises(TypeError, match="^sig must be an int, not "):
        loop.remove_signal_handler(junk)


@pytest.mark.parametrize("number", [0, -1, 10_000])
def test_a_number_that_is_no_signal(loop, number):
    with pytest.raises(ValueError, match="invalid signal number"):
        loop.add_signal_handler(number, print)
    with pytest.raises(ValueError, match="invalid signal number"):
        loop.remove_signal_handler(number)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_signals_that_cannot_be_caught(loop, number):
    with pytest.raises(RuntimeError, match=f"^sig {int(number)} cannot be caught$"):
        loop.add_signal_handler(number, print)
    assert signal.set_wakeup_fd(-1) == -1, "nothing is left behind"


def test_coroutines_are_refused(loop):
    async def coroutine():
        pass

    with pytest.raises(TypeError, match=r"^coroutines cannot be used with add_signal_handler\(\)$"):
        loop.add_signal_handler(signal.SIGUSR1, coroutine)


def test_a_loop_with_handlers_that_another_thread_closes_is_closed(loop_factory):
    """Only the main thread may take them back: that is said, and all else is done."""
    loop = loop_factory()
    before = signal.getsignal(signal.SIGUSR1)
    loop.add_signal_handler(signal.SIGUSR1, print)
    with ThreadPoolExecutor() as pool, pytest.raises(ValueError, match="main thread"):
        pool.submit(loop.close).result()
    assert loop.is_closed()
    signal.signal(signal.SIGUSR1, before)


def test_not_in_another_thread(loop):
    with ThreadPoolExecutor(1) as pool:
        with pytest.raises((RuntimeError, ValueError)):
            pool.submit(loop.add_signal_handler, signal.SIGUSR1, print).result()


def test_a_loop_in_a_thread_leaves_signals_alone(loop_factory):
    def work():
        loop = loop_factory()
        loop.run_until_complete(asyncio.sleep(0.001))
        loop.close()

    before = signal.getsignal(signal.SIGINT)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()
    assert signal.getsignal(signal.SIGINT) is before


INTERRUPT = """
    import signal, threading

    def interrupt_soon():
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
"""


def test_ctrl_c_in_an_idle_loop(script):
    done = script(
        INTERRUPT
        + """
    loop = new_event_loop()
    interrupt_soon()
    try:
        loop.run_forever()
    except KeyboardInterrupt:
        print("interrupted", loop.is_running(), loop.run_until_complete(asyncio.sleep(0, "usable")))
    loop.close()
"""
    )
    assert done.stdout == "interrupted False usable\n"


def test_ctrl_c_in_a_loop_that_sleeps_long(script):
    done = script(
        INTERRUPT
        + """
    interrupt_soon()
    loop = new_event_loop()
    loop.call_later(100000, print)
    try:
        loop.run_forever()
    except KeyboardInterrupt:
        print("interrupted")
    loop.close()
"""
    )
    assert done.stdout == "interrupted\n"


def test_ctrl_c_under_run_cancels_the_main_task(script):
    done = script(
        INTERRUPT
        + """
    async def main():
        interrupt_soon()
        try:
            await asyncio.sleep(100000)
        except asyncio.CancelledError:
            print("cancelled", asyncio.current_task().cancelling())
            raise

    try:
        run(main())
    except KeyboardInterrupt:
        print("interrupted")
"""
    )
    assert done.stdout == "cancelled 1\ninterrupted\n"


@pytest.mark.parametrize("busy", ["call_soon", "sleep(0)", "future", "python"])
def test_ctrl_c_in_a_busy_loop(script, busy):
    """A loop that always has work ready, and never sleeps, is interrupted all the same."""
    done = script(
        INTERRUPT
        + f"""
    loop = new_event_loop()

    def chain():
        loop.call_soon(chain)

    async def sleeper():
        while True:
            await asyncio.sleep(0)

    async def ping_pong():
        async def pong(queue):
            while True:
                (await queue.get()).set_result(None)
        queue = asyncio.Queue()
        task = asyncio.create_task(pong(queue))
        while True:
            future = loop.create_future()
            queue.put_nowait(future)
            await future

    async def spin():
        while True:
            pass

    interrupt_soon()
    try:
        match {busy!r}:
            case "call_soon":
                loop.call_soon(chain)
                loop.run_forever()
            case "sleep(0)":
                loop.run_until_complete(sleeper())
            case "future":
                loop.run_until_complete(ping_pong())
            case "python":
                loop.run_until_complete(spin())
    except KeyboardInterrupt:
        print("interrupted")
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False
    loop.close()
"""
    )
    assert done.stdout == "interrupted\n"


def test_ctrl_c_under_run_in_a_busy_task(script):
    done = script(
        INTERRUPT
        + """
    async def main():
        interrupt_soon()
        while True:
            await asyncio.sleep(0)

    try:
        run(main())
    except KeyboardInterrupt:
        print("interrupted")
"""
    )
    assert done.stdout == "interrupted\n"


def test_ctrl_c_uncaught_ends_the_process_as_a_signal_would(script):
    done = script(
        INTERRUPT
        + """
    interrupt_soon()
    loop = new_event_loop()
    try:
        loop.run_forever()
    finally:
        loop.close()
""",
        check=False,
    )
    assert done.returncode == -signal.SIGINT
    assert "KeyboardInterrupt" in done.stderr


def test_an_interrupt_while_a_run_begins_leaves_nothing_behind(flavour, loop_factory):
    if flavour.name == "asyncio":
        pytest.skip("asyncio's stays the running loop")
    # Comes when no Python code runs: it is raised by the first that does, in the middle of the loop's own preparations.
    libc_raise = ctypes.CDLL(None)["raise"]
    libc_raise.argtypes = [ctypes.c_int, ctypes.py_object]
    loop = loop_factory()
    loop.close()
    interrupted = property(functools.partial(libc_raise, signal.SIGINT))
    loop = type("Interrupted", (type(loop),), {"_asyncgen_firstiter_hook": interrupted})()
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()
    assert not loop.is_running()
    assert asyncio._get_running_loop() is None
    assert sys.get_asyncgen_hooks() == (None, None)
    loop.close()
