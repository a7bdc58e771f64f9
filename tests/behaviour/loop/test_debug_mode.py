"""Debug mode: calls from the wrong thread are refused, slow callbacks are named, coroutines know
their origin."""

import asyncio
import gc
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

WRONG_THREAD = "^Non-thread-safe operation invoked on an event loop other than the current one$"


def in_a_thread(function, *args):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *args).result()


@pytest.mark.debug_off
def test_set_and_get(loop):
    assert loop.get_debug() is False
    loop.set_debug(True)
    assert loop.get_debug() is True
    assert " debug=True>" in repr(loop)
    loop.set_debug(False)
    assert loop.get_debug() is False


@pytest.mark.parametrize("method", ["call_soon", "call_later", "call_at"])
def test_wrong_thread(loop, method):
    loop.set_debug(True)
    args = {"call_soon": (int,), "call_later": (1, int), "call_at": (1, int)}[method]

    async def main():
        with pytest.raises(RuntimeError, match=WRONG_THREAD):
            in_a_thread(getattr(loop, method), *args)

    loop.run_until_complete(main())


def test_wrong_thread_through_a_future(loop):
    loop.set_debug(True)
    future = loop.create_future()
    future.add_done_callback(int)

    async def main():
        with pytest.raises(RuntimeError, match=WRONG_THREAD):
            in_a_thread(future.set_result, 1)

    loop.run_until_complete(main())


def test_wrong_thread_when_not_running_is_allowed(loop):
    loop.set_debug(True)
    seen = []
    in_a_thread(loop.call_soon, seen.append, 1)
    loop.stop()
    loop.run_forever()
    assert seen == [1]


def test_wrong_thread_without_debug_mode_does_not_crash(loop):
    """Not promised to work; promised not to break the process."""

    async def main():
        handle = in_a_thread(loop.call_soon, int)
        handle.cancel()
        await asyncio.sleep(0.001)
        return "fine"

    try:
        assert loop.run_until_complete(main()) == "fine"
    except RuntimeError as error:
        assert "thread" in str(error)


def test_a_slow_callback_is_named(loop, log):
    loop.set_debug(True)
    assert loop.slow_callback_duration == 0.1
    loop.slow_callback_duration = 0.001

    def slow_one():
        time.sleep(0.003)

    loop.call_soon(slow_one)
    loop.stop()
    loop.run_forever()
    slow = [record.getMessage() for record in log.records if "slow_one" in record.getMessage()]
    assert len(slow) == 1
    assert (
        slow[0].startswith("Executing <Handle ")
        and " took 0.0" in slow[0]
        and slow[0].endswith(" seconds")
    )


def test_a_slow_task_step_is_named(loop, log):
    loop.set_debug(True)
    loop.slow_callback_duration = 0.001

    async def slow_one():
        time.sleep(0.003)

    loop.run_until_complete(slow_one())
    slow = [
        record.getMessage()
        for record in log.records
        if record.getMessage().startswith("Executing <Task ")
    ]
    assert len(slow) == 1 and "slow_one" in slow[0]


@pytest.mark.parametrize("slow", ["connection_made", "data_received", "eof_received", "connection_lost"])
def test_a_slow_callback_of_a_protocol_is_named(loop, log, slow):
    class Slow(asyncio.Protocol):
        def connection_lost(self, exc):
            lost.set_result(None)

    def wait(self, *args):
        time.sleep(0.3)
        return getattr(super(Slow, self), slow)(*args) if slow != "connection_lost" else lost.set_result(None)

    setattr(Slow, slow, wait)

    async def main():
        left, right = socket.socketpair()
        await loop.create_connection(Slow, sock=left)
        right.send(b"x")
        await asyncio.sleep(0.01)
        right.close()
        await lost

    loop.set_debug(True)
    loop.slow_callback_duration = 0.2
    lost = loop.create_future()
    loop.run_until_complete(main())
    assert sum(record.getMessage().startswith("Executing ") for record in log.records) == 1


def test_a_slow_reader_is_named(loop, log):
    def slow_one():
        left.recv(1)
        time.sleep(0.3)
        called.set_result(None)

    loop.set_debug(True)
    loop.slow_callback_duration = 0.2
    called = loop.create_future()
    left, right = socket.socketpair()
    loop.add_reader(left, slow_one)
    right.send(b"x")
    loop.run_until_complete(called)
    loop.remove_reader(left)
    slow = [record.getMessage() for record in log.records if "slow_one" in record.getMessage()]
    assert len(slow) == 1 and slow[0].startswith("Executing <Handle ")
    left.close()
    right.close()


@pytest.mark.debug_off
def test_slow_callbacks_are_not_named_otherwise(loop, log):
    loop.slow_callback_duration = 0
    loop.call_soon(time.sleep, 0.002)
    loop.stop()
    loop.run_forever()
    assert not [record for record in log.records if record.getMessage().startswith("Executing")]


@pytest.mark.debug_off
def test_coroutines_know_their_origin(loop):
    async def inner():
        pass

    async def main():
        coro = inner()
        origin = coro.cr_origin
        await coro
        return origin

    before = sys.get_coroutine_origin_tracking_depth()
    assert loop.run_until_complete(main()) is None
    loop.set_debug(True)
    assert loop.run_until_complete(main())
    assert sys.get_coroutine_origin_tracking_depth() == before


def test_debug_switched_on_while_running(loop):
    async def main():
        loop.set_debug(True)
        await asyncio.sleep(0.001)
        depth = sys.get_coroutine_origin_tracking_depth()
        loop.set_debug(False)
        await asyncio.sleep(0.001)
        return depth, sys.get_coroutine_origin_tracking_depth()

    on, off = loop.run_until_complete(main())
    assert on > 0 and off == 0


def test_handles_know_where_they_were_made(loop):
    loop.set_debug(True)
    handle = loop.call_soon(int)
    assert " created at " in repr(handle)
    handle.cancel()
    assert repr(handle).startswith("<Handle cancelled ")
    assert " created at " in repr(handle)


def test_futures_and_tasks_know_where_they_were_made(loop):
    loop.set_debug(True)
    future = loop.create_future()
    task = loop.create_task(asyncio.sleep(0))
    for thing in (future, task):
        assert " created at " in repr(thing)
        assert any(frame.filename == __file__ for frame in thing._source_traceback)
    loop.run_until_complete(task)
    loop.set_debug(False)
    assert loop.create_future()._source_traceback is None


@pytest.mark.parametrize("how", ["PYTHONASYNCIODEBUG", "-X dev"])
def test_switched_on_from_outside(script, how):
    import os

    body = """
        loop = new_event_loop()
        print(loop.get_debug())
        loop.close()
    """
    if how == "PYTHONASYNCIODEBUG":
        done = script(body, env={**os.environ, "PYTHONASYNCIODEBUG": "1"})
    else:
        done = script(body, flags=["-X", "dev"])
    assert done.stdout == "True\n"


def test_sending_to_a_transport_from_another_thread_in_debug_mode_is_survived(script):
    done = script(
        """
        import socket, threading

        async def main():
            loop = asyncio.get_running_loop()
            left, right = socket.socketpair()
            left.setblocking(False)
            transport, _ = await loop.create_unix_connection(asyncio.Protocol, sock=left)
            def work():
                for _ in range(1000):
                    try:
                        transport.write(b"x" * 1000)
                    except RuntimeError:
                        pass
            threads = [threading.Thread(target=work) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                await asyncio.to_thread(thread.join)
            transport.abort()
            await asyncio.sleep(0.01)
            right.close()
            print("alive")

        run(main(), debug=True)
        """
    )
    assert done.stdout == "alive\n"


def test_a_report_shows_where_the_running_callback_was_made(loop, log):
    """Whoever reports without a traceback of his own gets that of the handle that runs."""
    loop.set_debug(True)
    loop.slow_callback_duration = 60  # seconds: never

    def callback():
        loop.call_exception_handler({"message": "something is wrong"})
        loop.stop()

    def schedule_it():
        loop.call_soon(callback)

    schedule_it()
    loop.run_forever()
    loop.call_exception_handler({"message": "outside of a run"})
    [inside, outside] = [record.getMessage() for record in log.records if record.levelname == "ERROR"]
    assert inside.startswith("something is wrong\nhandle_traceback: Handle created at (most recent call last):\n")
    assert "in schedule_it" in inside
    assert outside == "outside of a run"


def test_a_report_with_a_traceback_of_its_own_keeps_it(loop, log):
    loop.set_debug(True)

    async def fails():
        raise OSError("it failed")

    def forget_a_task():
        loop.create_task(fails())
        loop.call_later(0, loop.stop)

    loop.call_soon(forget_a_task)
    loop.run_forever()
    gc.collect()
    [report] = [record.getMessage() for record in log.records if record.levelname == "ERROR"]
    assert "source_traceback: Object created at" in report and "handle_traceback" not in report
