"""call_soon_threadsafe: from any thread, in order, waking a sleeping loop, nothing lost."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest


def test_wakes_a_loop_that_sleeps_for_ever(loop):
    threading.Timer(0.02, loop.call_soon_threadsafe, (loop.stop,)).start()
    loop.run_forever()


def test_wakes_a_loop_that_sleeps_for_a_long_timer(loop):
    timer = loop.call_later(10_000, print)
    threading.Timer(0.02, loop.call_soon_threadsafe, (loop.stop,)).start()
    loop.run_forever()
    timer.cancel()


def test_one_thread_keeps_its_order(loop):
    seen = []

    def work():
        for number in range(5000):
            loop.call_soon_threadsafe(seen.append, number)
        loop.call_soon_threadsafe(loop.stop)

    thread = threading.Thread(target=work)
    thread.start()
    loop.run_forever()
    thread.join()
    assert seen == list(range(5000))


def test_many_threads_lose_nothing_and_each_keeps_its_order(loop):
    seen = []
    threads, each = 8, 2000
    left = threads

    def finished():
        nonlocal left
        left -= 1
        if not left:
            loop.stop()

    def work(name):
        for number in range(each):
            loop.call_soon_threadsafe(seen.append, (name, number))
        loop.call_soon_threadsafe(finished)

    workers = [threading.Thread(target=work, args=(name,)) for name in range(threads)]
    for worker in workers:
        worker.start()
    loop.run_forever()
    for worker in workers:
        worker.join()
    for name in range(threads):
        assert [number for who, number in seen if who == name] == list(range(each))


def test_a_burst_of_a_hundred_thousand(loop):
    count = 0

    def one():
        nonlocal count
        count += 1

    def work():
        for _ in range(100_000):
            loop.call_soon_threadsafe(one)
        loop.call_soon_threadsafe(loop.stop)

    thread = threading.Thread(target=work)
    thread.start()
    loop.run_forever()
    thread.join()
    assert count == 100_000


def test_from_the_loops_own_thread_order_with_call_soon_is_kept(loop):
    seen = []

    def mixed():
        for number in range(0, 10, 2):
            loop.call_soon(seen.append, number)
            loop.call_soon_threadsafe(seen.append, number + 1)
        loop.call_soon(loop.stop)

    loop.call_soon(mixed)
    loop.run_forever()
    assert seen == list(range(10))


def test_what_was_sent_before_the_run_is_run(loop):
    seen = []
    loop.call_soon_threadsafe(seen.append, "own thread")
    thread = threading.Thread(target=loop.call_soon_threadsafe, args=(seen.append, "other thread"))
    thread.start()
    thread.join()
    loop.call_soon(seen.append, "soon")
    loop.stop()
    loop.run_forever()
    assert seen == ["own thread", "other thread", "soon"]


def test_the_handle_can_be_cancelled(loop):
    seen = []
    loop.call_soon_threadsafe(seen.append, 1).cancel()
    loop.stop()
    loop.run_forever()
    assert seen == []


def test_a_closed_loop_refuses_in_the_calling_thread(loop):
    loop.close()
    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(RuntimeError, match="^Event loop is closed$"):
            pool.submit(loop.call_soon_threadsafe, print).result()


def test_a_loop_closed_under_a_sending_thread_stays_sane(loop):
    """The sender either succeeds or gets the RuntimeError; nothing else."""
    started = threading.Event()

    def work():
        with pytest.raises(RuntimeError, match="^Event loop is closed$"):
            while True:
                loop.call_soon_threadsafe(int)
                started.set()

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(work)
        started.wait()
        loop.run_until_complete(asyncio.sleep(0.001))
        loop.close()
        done.result()


def test_stop_from_another_thread_through_the_inbox(loop):
    with ThreadPoolExecutor(1) as pool:
        for _ in range(50):
            pool.submit(loop.call_soon_threadsafe, loop.stop)
            loop.run_forever()


def test_a_loop_can_move_to_another_thread_between_runs(loop):
    with ThreadPoolExecutor(1) as pool:
        assert (
            pool.submit(loop.run_until_complete, asyncio.sleep(0.001, "there")).result() == "there"
        )
    assert loop.run_until_complete(asyncio.sleep(0.001, "here")) == "here"


def test_each_thread_runs_its_own_loop(loop_factory):
    def work(number):
        loop = loop_factory()
        try:
            return loop.run_until_complete(asyncio.sleep(0.001, number))
        finally:
            loop.close()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(32))) == list(range(32))


def test_a_call_from_a_joined_thread_comes_before_what_is_scheduled_next(run):
    async def main():
        loop = asyncio.get_running_loop()
        seen = []
        for schedule in (
            lambda: loop.call_soon(seen.append, "own"),
            lambda: loop.call_soon_threadsafe(seen.append, "own"),
            lambda: loop.create_task(note(seen)),
        ):
            thread = threading.Thread(target=loop.call_soon_threadsafe, args=(seen.append, "thread"))
            thread.start()
            thread.join()
            schedule()
            await asyncio.sleep(0)
            assert seen == ["thread", "own"]
            seen.clear()

    async def note(seen):
        seen.append("own")

    run(main())
