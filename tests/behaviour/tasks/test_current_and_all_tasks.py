"""current_task and all_tasks answer right at every moment, for this loop and for others."""

import asyncio
import sys
import weakref

import pytest


async def forever():
    await asyncio.get_running_loop().create_future()


async def cancel(*tasks):
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def test_current_task_is_the_one_that_runs(run):
    async def child():
        first = asyncio.current_task()
        await asyncio.sleep(0)
        assert asyncio.current_task() is first
        return first

    async def main():
        me = asyncio.current_task()
        assert me.get_coro() is coro
        task = asyncio.create_task(child())
        assert asyncio.current_task() is me
        assert await task is task
        assert asyncio.current_task() is me

    coro = main()
    run(coro)


def test_current_task_is_none_in_a_callback(loop):
    seen = []
    loop.call_soon(lambda: seen.append(asyncio.current_task()))
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert seen == [None]


def test_current_task_outside_of_a_loop(loop):
    with pytest.raises(RuntimeError, match="^no running event loop$"):
        asyncio.current_task()
    assert asyncio.current_task(loop) is None


def test_current_task_is_cleared_when_a_task_raises(loop):
    async def fail():
        raise ValueError

    with pytest.raises(ValueError):
        loop.run_until_complete(fail())
    assert asyncio.current_task(loop) is None


def test_current_task_of_another_loop(loop, loop_factory):
    other = loop_factory()

    async def main():
        assert asyncio.current_task(other) is None
        assert asyncio.current_task(loop) is asyncio.current_task()

    loop.run_until_complete(main())
    other.close()


def test_whoever_asks_in_whatever_way_is_told_the_current_task(loop):
    """Up to 3.13 ferrio's loop enters its task into the dict only when somebody looks for it there."""
    others = [asyncio.tasks.current_task]
    if sys.version_info < (3, 14):
        others += [
            getattr(asyncio.tasks, "_py_current_task", asyncio.tasks.current_task),
            lambda: asyncio.tasks._current_tasks[loop],
            lambda: asyncio.tasks._current_tasks.get(loop),
            lambda: loop in asyncio.tasks._current_tasks and asyncio.tasks._current_tasks[loop],
        ]

    async def child(ask):
        me = ask()
        assert me.get_coro().cr_running
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert ask() is me
        return me

    async def main(ask):
        me = ask()
        children = [asyncio.create_task(child(ask)) for _ in range(3)]
        assert [await task for task in children] == children
        assert ask() is me
        loop.call_soon(seen.append, ask)
        await asyncio.sleep(0)
        return asyncio.current_task() is me

    seen = []
    for ask in others:
        assert loop.run_until_complete(main(ask))
        assert asyncio.current_task(loop) is None
    if sys.version_info < (3, 14):
        assert loop not in asyncio.tasks._current_tasks


def test_current_task_is_none_between_steps(loop):
    async def main(ask_in_step):
        if ask_in_step:
            assert asyncio.current_task() is not None
        loop.call_soon(lambda: seen.append(asyncio.current_task()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    seen = []
    for ask_in_step in (True, False):
        loop.run_until_complete(main(ask_in_step))
    assert seen == [None, None]


def test_no_task_is_kept_alive_as_the_current_one(loop):
    async def child(ask_in_step):
        if ask_in_step:
            assert asyncio.current_task() is not None

    async def main(ask_in_step):
        reference = weakref.ref(asyncio.create_task(child(ask_in_step)))
        for _ in range(3):
            await asyncio.sleep(0)
        return reference()

    for ask_in_step in (True, False):
        assert loop.run_until_complete(main(ask_in_step)) is None


def test_a_task_that_another_one_may_not_enter(loop):
    async def main():
        me = asyncio.current_task()
        with pytest.raises(RuntimeError, match="while another task"):
            asyncio.tasks._enter_task(loop, object())
        asyncio.tasks._leave_task(loop, me)
        assert asyncio.current_task() is None
        asyncio.tasks._enter_task(loop, me)
        await asyncio.sleep(0)
        assert asyncio.current_task() is me
        with pytest.raises(RuntimeError, match="(?i)leav(e|ing) task"):
            asyncio.tasks._leave_task(loop, object())

    loop.run_until_complete(main())
    loop.run_until_complete(enter_right_away(loop))


async def enter_right_away(loop):
    """Nobody has asked in this step before."""
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="while another task"):
        asyncio.tasks._enter_task(loop, object())


def test_a_loop_with_a_hash_of_its_own(loop):
    class WithHash(type(loop)):
        def __hash__(self):
            return 7

    async def main():
        me = asyncio.current_task()
        assert me is not None
        await asyncio.sleep(0)
        assert asyncio.current_task() is me

    other = WithHash()
    other.run_until_complete(main())
    assert asyncio.current_task(other) is None
    other.close()


def test_a_loop_is_compared_and_hashed_as_any_object(loop, loop_factory):
    other = loop_factory()
    assert loop == loop and loop != other and not loop == 1
    assert hash(loop) == object.__hash__(loop)
    assert {loop: 1, other: 2}[loop] == 1
    other.close()


def test_current_task_during_a_done_callback_and_a_del(run):
    seen = []

    class Watcher:
        def __del__(self):
            seen.append(asyncio.current_task())

    async def child():
        watcher = Watcher()
        del watcher
        return asyncio.current_task()

    async def main():
        task = asyncio.create_task(child())
        assert await task is task
        assert seen == [task]

    run(main())


def test_all_tasks(run):
    async def main():
        me = asyncio.current_task()
        assert asyncio.all_tasks() == {me}
        tasks = {asyncio.create_task(forever()) for _ in range(10)}
        assert asyncio.all_tasks() == tasks | {me}
        await asyncio.sleep(0)
        assert asyncio.all_tasks(asyncio.get_running_loop()) == tasks | {me}
        await cancel(*tasks)
        assert asyncio.all_tasks() == {me}

    run(main())


def test_all_tasks_from_outside(loop):
    assert asyncio.all_tasks(loop) == set()
    task = loop.create_task(forever())
    assert asyncio.all_tasks(loop) == {task}
    loop.run_until_complete(cancel_in(task))
    assert asyncio.all_tasks(loop) == set()
    with pytest.raises(RuntimeError, match="^no running event loop$"):
        asyncio.all_tasks()


async def cancel_in(task):
    await cancel(task)


def test_all_tasks_is_per_loop(loop, loop_factory):
    other = loop_factory()
    mine, theirs = loop.create_task(forever()), other.create_task(forever())
    assert asyncio.all_tasks(loop) == {mine}
    assert asyncio.all_tasks(other) == {theirs}
    loop.run_until_complete(cancel_in(mine))
    other.run_until_complete(cancel_in(theirs))
    other.close()


def test_all_tasks_is_a_snapshot_that_can_be_changed(run):
    async def main():
        tasks = asyncio.all_tasks()
        tasks.clear()
        assert len(asyncio.all_tasks()) == 1

    run(main())


def test_stdlib_and_own_tasks_are_both_listed(loop):
    async def main():
        stdlib = asyncio.Task(forever(), loop=loop)
        own = loop.create_task(forever())
        assert asyncio.all_tasks() == {stdlib, own, asyncio.current_task()}
        await cancel(stdlib, own)

    loop.run_until_complete(main())


def test_a_stdlib_task_is_current_while_it_runs(loop):
    async def child():
        return asyncio.current_task()

    async def main():
        stdlib = asyncio.Task(child(), loop=loop)
        assert await stdlib is stdlib

    loop.run_until_complete(main())


def test_all_tasks_called_from_another_thread(run):
    async def main():
        loop = asyncio.get_running_loop()
        tasks = {asyncio.create_task(forever()) for _ in range(100)}
        seen = await asyncio.to_thread(asyncio.all_tasks, loop)
        assert tasks < seen
        await cancel(*tasks)

    run(main())


def test_documented_hooks_for_third_party_tasks(loop):
    """_register_task, _enter_task, _leave_task and _unregister_task are the extension interface of
    asyncio."""

    class Foreign:
        def done(self):
            return False

        def get_loop(self):
            return loop

        _loop = loop

    foreign = Foreign()
    asyncio._register_task(foreign)
    try:
        assert foreign in asyncio.all_tasks(loop)
    finally:
        asyncio._unregister_task(foreign)
    assert foreign not in asyncio.all_tasks(loop)
    seen = []

    def step():
        asyncio._enter_task(loop, foreign)
        seen.append(asyncio.current_task())
        asyncio._leave_task(loop, foreign)
        seen.append(asyncio.current_task())

    loop.call_soon(step)
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert seen == [foreign, None]


def test_enter_task_inside_a_running_task_is_refused(run):
    async def main():
        loop = asyncio.get_running_loop()
        with pytest.raises(RuntimeError, match="Cannot enter into task "):
            asyncio._enter_task(loop, object())
        with pytest.raises(RuntimeError, match="Leaving task |Invalid attempt to leave task "):
            asyncio._leave_task(loop, object())
        assert asyncio.current_task() is not None

    run(main())
