"""`loop.keep_tasks_alive`: a task that nobody refers to lives until it is done. asyncio has no such thing."""

import asyncio
import gc
import weakref

import pytest
from flavours import ONLY_STOCK

if ONLY_STOCK:
    pytest.skip("ferrio only", allow_module_level=True)

import ferrio


@pytest.fixture
def loop_factory():
    return ferrio.new_event_loop


async def forgotten(waiting=True):
    """Waits for a future that only its own frame knows."""
    if waiting:
        future = asyncio.get_running_loop().create_future()
        wakers.append(weakref.ref(future))
        await future


wakers = []


@pytest.fixture(autouse=True)
def no_wakers():
    wakers.clear()


async def turns(count=3):
    for _ in range(count):
        await asyncio.sleep(0)
        gc.collect()


def wake_all():
    for waker in wakers:
        if (future := waker()) is not None:
            future.set_result(None)


#: How a task comes about.
def plain(loop):
    return loop.create_task(forgotten())


def by_class(loop):
    return ferrio.Task(forgotten(), loop=loop)


def by_asyncios_class(loop):
    loop.set_task_factory(lambda loop, coro, **named: asyncio.Task(coro, loop=loop, **named))
    try:
        return loop.create_task(forgotten())
    finally:
        loop.set_task_factory(None)


MAKERS = (plain, by_class, by_asyncios_class)


@pytest.mark.parametrize("make", MAKERS)
def test_without_it_a_task_that_nobody_holds_dies(run, log, make):
    async def main():
        loop = asyncio.get_running_loop()
        assert loop.keep_tasks_alive is False
        task = weakref.ref(make(loop))
        await turns()
        assert task() is None

    run(main())
    assert "Task was destroyed but it is pending!" in log.text


@pytest.mark.parametrize("make", MAKERS)
def test_with_it_a_task_lives_until_it_is_done(run, make):
    async def main():
        loop = asyncio.get_running_loop()
        loop.keep_tasks_alive = True
        task = weakref.ref(make(loop))
        await turns()
        assert task() in asyncio.all_tasks()
        wake_all()
        await turns()
        assert task() is None

    run(main())


def test_tasks_that_exist_are_kept_too(run):
    async def main():
        loop = asyncio.get_running_loop()
        task = weakref.ref(loop.create_task(forgotten()))
        await asyncio.sleep(0)
        loop.keep_tasks_alive = True
        loop.keep_tasks_alive = True
        await turns()
        assert task() is not None
        wake_all()
        await turns()
        assert task() is None

    run(main())


@pytest.mark.parametrize("make", MAKERS)
def test_switched_off_it_lets_go(run, log, make):
    async def main():
        loop = asyncio.get_running_loop()
        loop.keep_tasks_alive = True
        task = weakref.ref(make(loop))
        await turns()
        assert task() is not None
        loop.keep_tasks_alive = False
        await turns()
        assert task() is None

    run(main())


def test_what_is_done_at_once_is_not_kept(run):
    async def main():
        loop = asyncio.get_running_loop()
        loop.keep_tasks_alive = True
        tasks = [loop.create_task(forgotten(waiting=False)) for _ in range(100)]
        if hasattr(asyncio, "eager_task_factory"):
            loop.set_task_factory(asyncio.eager_task_factory)
            tasks += [loop.create_task(forgotten(waiting=False)) for _ in range(100)]
            loop.set_task_factory(lambda loop, coro, **named: asyncio.Task(coro, loop=loop, eager_start=True))
            tasks += [loop.create_task(forgotten(waiting=False)) for _ in range(100)]
        await turns()
        assert all(task.done() for task in tasks)
        known = [weakref.ref(task) for task in tasks]
        tasks.clear()
        await turns()
        assert not any(reference() for reference in known)

    run(main())


def test_cancelled_tasks_are_let_go(run):
    async def main():
        loop = asyncio.get_running_loop()
        loop.keep_tasks_alive = True
        known = [weakref.ref(loop.create_task(forgotten())) for _ in range(100)]
        await turns()
        for task in known:
            task().cancel()
        await turns()
        assert not any(reference() for reference in known)

    run(main())


@pytest.mark.parametrize("make", MAKERS)
def test_a_closed_loop_keeps_nothing(log, make):
    loop = ferrio.new_event_loop()
    loop.keep_tasks_alive = True

    async def main():
        task = weakref.ref(make(loop))
        await turns()
        return task

    task = loop.run_until_complete(main())
    assert task() is not None
    loop.close()
    gc.collect()
    assert task() is None
    assert "Task was destroyed but it is pending!" in log.text


def test_a_loop_that_is_never_closed_is_collected_with_its_tasks(log):
    async def main():
        task = weakref.ref(asyncio.get_running_loop().create_task(forgotten()))
        await turns()
        return task

    with pytest.warns(ResourceWarning):
        loop = ferrio.new_event_loop()
        loop.keep_tasks_alive = True
        task = loop.run_until_complete(main())
        alive = weakref.ref(loop)
        del loop
        gc.collect()
        assert alive() is None and task() is None


def test_runners_cancel_what_is_kept():
    ended = []

    async def waits():
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.append(True)

    async def main():
        loop = asyncio.get_running_loop()
        loop.keep_tasks_alive = True
        loop.create_task(waits())
        await turns()

    with asyncio.Runner(loop_factory=ferrio.new_event_loop) as runner:
        runner.run(main())
    assert ended == [True]


def test_it_is_a_truth_value_that_cannot_be_deleted(loop):
    loop.keep_tasks_alive = 1
    assert loop.keep_tasks_alive is True
    with pytest.raises(AttributeError, match="^cannot delete keep_tasks_alive$"):
        del loop.keep_tasks_alive
