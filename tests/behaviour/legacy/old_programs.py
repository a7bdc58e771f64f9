"""Programs for old Pythons: by name, the versions they were written for, the source, and what they print there."""

import textwrap

PROGRAMS = {}


def program(name, versions, source, printed):
    PROGRAMS[name] = (versions, textwrap.dedent(source), textwrap.dedent(printed).lstrip())


ALL = ("3.6", "3.7", "3.8", "3.9", "3.10")
UNTIL_39 = ALL[:4]
UNTIL_38 = ALL[:3]
UNTIL_36 = ALL[:1]

program(
    "generators as coroutines",
    ALL,
    """
    import asyncio

    @asyncio.coroutine
    def sleeps(x):
        yield
        yield from asyncio.sleep(0)
        future = asyncio.get_event_loop().create_future()
        future.set_result(x)
        return (yield from future) + 1

    @asyncio.coroutine
    def plain(x):
        return x

    @asyncio.coroutine
    def gives_a_future(x):
        return asyncio.ensure_future(sleeps(x))

    @asyncio.coroutine
    def gives_a_coroutine(x):
        return modern(x)

    @asyncio.coroutine
    async def modern(x):
        return await sleeps(x)

    class Thing:
        @asyncio.coroutine
        def method(self, x):
            "what it does"
            return (yield from self.fails(x))

        @asyncio.coroutine
        def fails(self, x):
            yield from asyncio.sleep(0)
            raise ValueError(x)

    async def main():
        for made in (sleeps, plain, gives_a_future, gives_a_coroutine, modern):
            assert asyncio.iscoroutinefunction(made) and asyncio.coroutines.iscoroutinefunction(made)
            coroutine = made(1)
            assert asyncio.iscoroutine(coroutine)
            print(made.__name__, await coroutine, await asyncio.ensure_future(made(2)), await asyncio.wait_for(made(3), 60))
        assert not asyncio.iscoroutinefunction(len) and not asyncio.iscoroutine(3)
        print(Thing.method.__doc__)
        try:
            await Thing().method("text")
        except ValueError as error:
            print(type(error).__name__, error.args)
        task = asyncio.ensure_future(sleeps(5))
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            print("cancelled", task.cancelled())
        print(await asyncio.gather(sleeps(6), modern(7), plain(8)))
        print(await asyncio.shield(sleeps(9)))
        for done in asyncio.as_completed([sleeps(10)]):
            print(await done)

    loop = asyncio.get_event_loop()
    loop.run_until_complete(main())
    print(loop.run_until_complete(sleeps(11)), loop.create_task(sleeps(12)) in asyncio.gather(sleeps(1))._children)
    """,
    """
    sleeps 2 3 4
    plain 1 2 3
    gives_a_future 2 3 4
    gives_a_coroutine 2 3 4
    modern 2 3 4
    what it does
    ValueError ('text',)
    cancelled True
    [7, 8, 8]
    10
    11
    12 False
    """,
)

program(
    "generators without the decorator",
    ALL,
    """
    import asyncio, types

    def plain(future):
        return (yield from future)

    @types.coroutine
    def marked(future):
        yield
        return (yield from future)

    loop = asyncio.get_event_loop()
    for made in (plain, marked):
        future = loop.create_future()
        loop.call_soon(future.set_result, made.__name__)
        print(loop.run_until_complete(made(future)))
    future = loop.create_future()
    task = loop.create_task(plain(future))
    loop.call_soon(future.set_exception, KeyError("k"))
    try:
        loop.run_until_complete(asyncio.wait_for(task, 60))
    except KeyError as error:
        print(type(error).__name__, error.args)
    future = loop.create_future()
    loop.call_soon(future.set_result, "in time")
    print(loop.run_until_complete(asyncio.wait_for(plain(future), 60)))
    """,
    """
    plain
    marked
    KeyError ('k',)
    in time
    """,
)

program(
    "wait over coroutines",
    ALL,
    """
    import asyncio

    async def gives(x):
        await asyncio.sleep(0)
        return x

    @asyncio.coroutine
    def generates(x):
        yield
        return x

    loop = asyncio.get_event_loop()
    once = gives(3)
    done, pending = loop.run_until_complete(asyncio.wait([gives(1), generates(2), once, once]))
    print(sorted(task.result() for task in done), pending)
    future = loop.create_future()
    done, pending = loop.run_until_complete(
        asyncio.wait({gives(1), future}, return_when=asyncio.FIRST_COMPLETED, timeout=60)
    )
    print([task.result() for task in done], pending == {future})
    for wrong in ([], 3):
        try:
            loop.run_until_complete(asyncio.wait(wrong))
        except (ValueError, TypeError) as error:
            print(type(error).__name__)
    one = gives(4)
    try:
        loop.run_until_complete(asyncio.wait(one))
    except TypeError as error:
        print(error)
    print(loop.run_until_complete(one))
    """,
    """
    [1, 2, 3] set()
    [1] True
    ValueError
    TypeError
    expect a list of futures, not coroutine
    4
    """,
)

program(
    "with (yield from lock)",
    UNTIL_38,
    """
    import asyncio

    @asyncio.coroutine
    def old(lock, name, log):
        with (yield from lock) as held:
            log.append((name, held, lock.locked()))
            yield from asyncio.sleep(0)
            log.append((name, "out"))

    async def newer(lock):
        with await lock:
            return lock.locked()

    loop = asyncio.get_event_loop()
    for make in (asyncio.Lock, asyncio.Semaphore, asyncio.BoundedSemaphore, asyncio.Condition):
        lock, log = make(), []
        loop.run_until_complete(asyncio.gather(old(lock, "a", log), old(lock, "b", log)))
        print(make.__name__, log, loop.run_until_complete(newer(lock)), lock.locked())

    @asyncio.coroutine
    def fails(lock):
        with (yield from lock):
            raise KeyError("in the block")

    lock = asyncio.Lock()
    try:
        loop.run_until_complete(fails(lock))
    except KeyError as error:
        print(error.args, lock.locked())
    """,
    """
    Lock [('a', None, True), ('a', 'out'), ('b', None, True), ('b', 'out')] True False
    Semaphore [('a', None, True), ('a', 'out'), ('b', None, True), ('b', 'out')] True False
    BoundedSemaphore [('a', None, True), ('a', 'out'), ('b', None, True), ('b', 'out')] True False
    Condition [('a', None, True), ('a', 'out'), ('b', None, True), ('b', 'out')] True False
    ('in the block',) False
    """,
)

program(
    "methods of Task",
    UNTIL_38,
    """
    import asyncio

    loop = asyncio.get_event_loop()
    print(asyncio.Task.current_task(), asyncio.Task.current_task(loop=loop), asyncio.Task.all_tasks(loop))

    async def main():
        task = asyncio.Task.current_task()
        other = asyncio.ensure_future(asyncio.sleep(0))
        print(isinstance(task, asyncio.Task), asyncio.Task.all_tasks() == {task, other})
        print(asyncio.Task.all_tasks(loop=loop) == {task, other}, asyncio.tasks.Task.current_task(loop) is task)
        await other
        return "done"

    class Mine(asyncio.Task):
        pass

    print(loop.run_until_complete(main()), loop.run_until_complete(asyncio.Task(main(), loop=loop)))
    mine = Mine(asyncio.sleep(0, "mine"), loop=loop)
    print(isinstance(mine, asyncio.Task), type(mine) is Mine, issubclass(Mine, asyncio.Task), Mine.all_tasks(loop) == {mine})
    print(loop.run_until_complete(mine), isinstance(loop.create_future(), asyncio.Task), isinstance(mine, asyncio.Future))
    """,
    """
    None None set()
    True True
    True True
    True True
    True True
    done done
    True True True True
    mine False True
    """,
)

program(
    "names that were given up",
    UNTIL_36,
    """
    import asyncio
    import asyncio.compat
    from asyncio import *

    print(asyncio.compat.PY34, asyncio.compat.PY35, asyncio.compat.flatten_list_bytes([b"a", b"b"]))
    print(issubclass(asyncio.streams.IncompleteReadError, EOFError), asyncio.futures.CancelledError is asyncio.CancelledError)
    print(asyncio.futures.TimeoutError is asyncio.TimeoutError, asyncio.base_futures.InvalidStateError is InvalidStateError)
    loop = get_event_loop()

    @coroutine
    def made():
        yield
        return 5

    print(loop.run_until_complete(getattr(asyncio, "async")(made())))
    print(loop.run_until_complete(getattr(asyncio, "async")(made(), loop=loop)))
    print(hasattr(asyncio.coroutines, "CoroWrapper"), asyncio.coroutines._DEBUG)
    """,
    """
    True True b'ab'
    True True
    True True
    5
    5
    True False
    """,
)

program(
    "child watchers",
    ALL[2:],
    """
    import asyncio, os

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    watcher = asyncio.ThreadedChildWatcher()
    asyncio.set_child_watcher(watcher)
    print(asyncio.get_child_watcher() is watcher, asyncio.get_event_loop_policy().get_child_watcher() is watcher)
    for name in ("AbstractChildWatcher", "SafeChildWatcher", "FastChildWatcher", "MultiLoopChildWatcher", "ThreadedChildWatcher"):
        print(name, issubclass(getattr(asyncio, name), asyncio.AbstractChildWatcher))

    async def main():
        process = await asyncio.create_subprocess_exec("sh", "-c", "exit 3")
        print(await process.wait())
        ended = loop.create_future()
        with watcher:
            child = os.fork()
            if child == 0:
                os._exit(4)
            watcher.add_child_handler(child, lambda *told: ended.set_result(told), "more")
            told = await ended
        print(told[0] == child, told[1:], watcher.is_active())

    loop.run_until_complete(main())
    try:
        asyncio.get_event_loop_policy().set_child_watcher(3)
    except (AssertionError, TypeError) as error:
        print("refused")
    asyncio.get_event_loop_policy().set_child_watcher(None)
    """,
    """
    True True
    AbstractChildWatcher True
    SafeChildWatcher True
    FastChildWatcher True
    MultiLoopChildWatcher True
    ThreadedChildWatcher True
    3
    True (4, 'more') True
    refused
    """,
)
