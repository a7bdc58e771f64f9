"""call_soon_threadsafe from threads that wait for each call, and from threads that do not."""

import asyncio
import threading

import pytest


def run_with(loop, *threads):
    """Run the loop until all threads have ended."""

    def watch():
        for thread in threads:
            thread.join()
        loop.call_soon_threadsafe(loop.stop)

    watcher = threading.Thread(target=watch)
    for thread in threads:
        thread.start()
    watcher.start()
    loop.run_forever()
    watcher.join()


@pytest.mark.parametrize("count", [1, 3])
def test_round_trips_and_bursts_in_turn(loop, count):
    seen = {number: [] for number in range(count)}

    def talk(mine):
        calls = iter(range(1_000_000))
        answered = threading.Semaphore(0)
        for burst in (0, 1, 2, 300):
            # Long enough for the loop to believe that each call is waited for.
            for _ in range(100):
                loop.call_soon_threadsafe(mine.append, next(calls))
                loop.call_soon_threadsafe(answered.release)
                answered.acquire()
                loop.call_soon_threadsafe(answered.release)
                answered.acquire()
            for _ in range(burst):
                loop.call_soon_threadsafe(mine.append, next(calls))

    run_with(loop, *[threading.Thread(target=talk, args=[mine]) for mine in seen.values()])
    assert all(mine == list(range(400 + 303)) for mine in seen.values())


def test_a_loop_that_closes_under_round_trips(loop_factory):
    loop = loop_factory()
    refused = []

    def talk():
        answered = threading.Semaphore(0)
        try:
            while True:
                loop.call_soon_threadsafe(answered.release)
                # The last one is dropped with the loop.
                answered.acquire(timeout=0.1)
        except RuntimeError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=talk) for _ in range(3)]
    for thread in threads:
        thread.start()
    loop.run_until_complete(asyncio.sleep(0.02))
    loop.close()
    for thread in threads:
        thread.join()
    assert refused == ["Event loop is closed"] * 3


def test_an_executor_that_answers_again_and_again(run):
    async def main():
        loop = asyncio.get_running_loop()
        assert [await loop.run_in_executor(None, int, number) for number in range(300)] == list(range(300))
        crowd = [loop.run_in_executor(None, int, number) for number in range(300)]
        assert await asyncio.gather(*crowd) == list(range(300))

    run(main())
