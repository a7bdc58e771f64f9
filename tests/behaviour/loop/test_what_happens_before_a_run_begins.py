"""Between the call of `run_until_complete` and the run a task factory is called, which may do anything: asyncio looks at the loop once
more before it runs it."""

import asyncio
import gc
import threading
import warnings

import pytest


@pytest.fixture
def meanwhile(flavour, loop):
    """What the loop's task factory does when it has made its task, and the tasks that it has made."""

    class Meanwhile(list):
        def __call__(self, does):
            def factory(loop, coro, **kwargs):
                task = flavour.Task(coro, loop=loop, **kwargs)
                self.append(task)
                does(task)
                return task

            loop.set_task_factory(factory)

    made = Meanwhile()
    yield made
    made.clear()


async def never():
    raise AssertionError("this coroutine is never run")


def test_a_factory_closes_the_loop(loop, meanwhile):
    meanwhile(lambda task: loop.close())
    coro = never()
    with pytest.raises(RuntimeError, match="^Event loop is closed$"):
        loop.run_until_complete(coro)
    assert not loop.is_running()
    assert asyncio._get_running_loop() is None
    (task,) = meanwhile
    assert not task.done()
    assert task.remove_done_callback(asyncio.base_events._run_until_complete_cb) == 0
    coro.close()


def test_a_thread_closes_the_loop(loop, meanwhile):
    def close(task):
        thread = threading.Thread(target=loop.close)
        thread.start()
        thread.join()

    meanwhile(close)
    coro = never()
    with pytest.raises(RuntimeError, match="^Event loop is closed$"):
        loop.run_until_complete(coro)
    coro.close()


def test_what_a_closed_loop_has_not_begun_warns_once(loop, meanwhile, log):
    """The coroutine was never awaited; that its task is pending is no news, for the error has said so."""
    meanwhile(lambda task: loop.close())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(RuntimeError, match="^Event loop is closed$"):
            loop.run_until_complete(never())
        meanwhile.clear()
        loop.set_task_factory(None)
        gc.collect()
    never_awaited = [str(warning.message).splitlines()[0] for warning in caught]
    assert never_awaited == ["coroutine 'never' was never awaited"]
    assert not log.records or "destroyed" not in log.text


def test_the_error_of_a_task_that_is_done_by_then_counts_as_seen(loop, loop_factory, meanwhile, log):
    other = loop_factory()

    async def main():
        raise LookupError("of the task")

    def run_to_its_end(task):
        loop.call_soon(loop.call_soon, loop.stop)
        loop.run_forever()
        assert task.done()
        asyncio._set_running_loop(other)

    meanwhile(run_to_its_end)
    try:
        with pytest.raises(RuntimeError, match="^Cannot run the event loop while another loop is running$"):
            loop.run_until_complete(main())
    finally:
        asyncio._set_running_loop(None)
        other.close()
    meanwhile.clear()
    loop.close()
    gc.collect()
    assert "never retrieved" not in log.text


def test_another_thread_runs_the_loop(loop, meanwhile):
    """That thread's run goes on; this one is refused."""
    runs_in, began = [], threading.Event()
    ended = asyncio.Event()

    def run():
        loop.call_soon(began.set)
        loop.run_forever()

    def start(task):
        loop.set_task_factory(None)
        threads.append(threading.Thread(target=run))
        threads[0].start()
        assert began.wait(60)

    async def main():
        runs_in.append(threading.current_thread())
        await ended.wait()
        runs_in.append(threading.current_thread())
        loop.stop()

    threads = []
    meanwhile(start)
    with pytest.raises(RuntimeError, match="^This event loop is already running$"):
        loop.run_until_complete(main())
    assert asyncio._get_running_loop() is None
    loop.call_soon_threadsafe(ended.set)
    threads[0].join(60)
    assert not threads[0].is_alive()
    assert runs_in == threads * 2
    assert meanwhile[0].done()
    # It can be run again, by whoever likes.
    assert loop.run_until_complete(asyncio.sleep(0, "again")) == "again"


def test_another_loop_runs_by_then(loop, loop_factory, meanwhile):
    """The factory has made another loop this thread's running one."""
    other = loop_factory()
    meanwhile(lambda task: asyncio._set_running_loop(other))
    coro = never()
    try:
        with pytest.raises(RuntimeError, match="^Cannot run the event loop while another loop is running$"):
            loop.run_until_complete(coro)
    finally:
        asyncio._set_running_loop(None)
        other.close()
    assert not loop.is_running()
    meanwhile[0].cancel()
    loop.set_task_factory(None)
    loop.run_until_complete(asyncio.sleep(0))
    coro.close()


def test_a_factory_that_runs_the_loop_itself(loop, meanwhile):
    """By the time of the run the task is done."""

    async def main():
        return "ran"

    meanwhile(loop.run_until_complete)
    assert loop.run_until_complete(main()) == "ran"
    assert meanwhile[0].result() == "ran"
