"""A future of somebody else's making that calls its callbacks at once, not through call_soon.

Found in review with such a future, finished inside of another task: ferrio ran the waiting task's
step in the middle of the other one's, which asyncio refuses, and the other task was no longer the
current one afterwards.
"""

import asyncio

import pytest


class Impatient:
    """Enough of a future to be awaited; ``finish`` calls back synchronously."""

    _asyncio_future_blocking = False

    def __init__(self, loop):
        self._loop = loop
        self._callbacks = []
        self._done = False

    def get_loop(self):
        return self._loop

    def add_done_callback(self, callback, *, context=None):
        self._callbacks.append(callback)

    def remove_done_callback(self, callback):
        self._callbacks.remove(callback)
        return 1

    def cancel(self, msg=None):
        return False

    def cancelled(self):
        return False

    def done(self):
        return self._done

    def result(self):
        return 5

    def exception(self):
        return None

    def finish(self):
        self._done = True
        for callback in self._callbacks:
            callback(self)

    def __await__(self):
        if not self._done:
            self._asyncio_future_blocking = True
            yield self
        return self.result()


async def waits(future):
    return await future, asyncio.current_task().get_name()


def test_finished_inside_of_another_task(loop):
    async def main():
        future = Impatient(loop)
        waiter = loop.create_task(waits(future), name="waiter")
        await asyncio.sleep(0)
        main = asyncio.current_task()
        with pytest.raises(RuntimeError, match="Cannot enter into task .*waiter"):
            future.finish()
        assert asyncio.current_task() is main
        assert not waiter.done()
        await asyncio.sleep(0)
        assert asyncio.current_task() is main
        # Where no task runs it may call back, and does.
        loop.call_soon(future.finish)
        return await waiter

    assert loop.run_until_complete(main()) == (5, "waiter")


def test_finished_in_a_callback(loop):
    """The step runs in the callback and is over when it returns: nobody is the current task then.
    ferrio's first repair left the task noted as the current one."""
    seen = []

    def finish(future, waiter):
        future.finish()
        seen.append((waiter.done(), asyncio.current_task()))

    async def main():
        future = Impatient(loop)
        waiter = loop.create_task(waits(future), name="waiter")
        await asyncio.sleep(0)
        loop.call_soon(finish, future, waiter)
        return await waiter

    assert loop.run_until_complete(main()) == (5, "waiter")
    assert seen == [(True, None)]


def test_several_tasks_wait_for_it(loop, reported):
    """One after the other from one callback: each step ends before the next begins. ferrio's first
    repair refused all but the first, which then waited for ever."""

    async def main():
        future = Impatient(loop)
        names = ["one", "two", "three"]
        waiters = [loop.create_task(waits(future), name=name) for name in names]
        await asyncio.sleep(0)
        loop.call_soon(future.finish)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return [waiter.done() and waiter.result() for waiter in waiters]

    loop.set_exception_handler(reported)
    results = loop.run_until_complete(main())
    assert reported.messages == []
    assert results == [(5, "one"), (5, "two"), (5, "three")]
