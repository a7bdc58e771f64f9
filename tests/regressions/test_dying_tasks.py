"""A task that dies, fails to start or changes its loop leaves no note of itself behind.

Found in review with programs that look at the loop from finalizers: ferrio notes the living tasks
of a loop and the current one without owning them, and some ways to die went past the notes.
"""

import asyncio
import sys

import pytest


@pytest.mark.parametrize("when", ["closed", "collected"])
def test_the_slots_of_a_subclass_look_at_all_tasks(script, when):
    """CPython clears ``__slots__`` before the task's own deallocation. ferrio still listed the task
    then, and ``all_tasks()`` revived it: a use after free."""
    done = script(
        """
        import gc

        class Speaks:
            def __del__(self):
                found = asyncio.all_tasks(loop)
                print("spoke", all(isinstance(task, Task) for task in found))

        class Slotted(Task):
            __slots__ = ("thing",)

        async def nothing():
            await loop.create_future()

        loop = new_event_loop()
        tasks = [Slotted(nothing(), loop=loop) for _ in range(5)]
        if sys.argv[1] == "collected":
            # Each is in a cycle with its coroutine and the future that it waits for.
            loop.run_until_complete(asyncio.sleep(0))
        for task in tasks:
            task.thing = Speaks()
        del tasks, task
        if sys.argv[1] == "closed":
            loop.close()
        gc.collect()
        junk = [Slotted.__new__(Slotted) for _ in range(100)]
        assert not asyncio.all_tasks(loop)
        loop.close()
        print("survived")
        """,
        when,
    )
    assert done.stdout == "spoke True\n" * 5 + "survived\n"


@pytest.mark.skipif(sys.version_info >= (3, 15), reason="3.15 refuses a second __init__")
def test_future_init_moves_a_task_to_another_loop(script):
    """``Future.__init__`` on a task changes its loop. The task was then struck off the new loop's
    list of ferrio, and dangled in the old one's."""
    done = script(
        """
        import gc

        async def nothing():
            pass

        loop, other = new_event_loop(), new_event_loop()
        task = Task(nothing(), loop=loop)
        Future.__init__(task, loop=other)
        task._log_destroy_pending = False
        loop.close()
        del task
        gc.collect()
        junk = [bytearray(200) for _ in range(1000)]
        print(asyncio.all_tasks(loop), asyncio.all_tasks(other))
        other.close()
        """
    )
    assert done.stdout == "set() set()\n"


@pytest.mark.skipif(sys.version_info >= (3, 15), reason="3.15 refuses a second __init__")
def test_a_task_initialised_again_on_another_loop(script):
    """``task.__init__`` with another loop while its first step is scheduled. ferrio panicked in
    that step, and the loop was left behind as if it ran for ever."""
    done = script(
        """
        async def nothing():
            pass

        async def main(other):
            task = Task(nothing(), loop=asyncio.get_running_loop())
            task.__init__(nothing(), loop=other)
            await asyncio.sleep(0)
            return "done"

        async def more():
            return "more"

        for make in asyncio.new_event_loop, new_event_loop:
            loop, other = new_event_loop(), make()
            # Who steps the second coroutine, and who complains, is nobody's promise.
            loop.set_exception_handler(lambda loop, context: None)
            print(loop.run_until_complete(main(other)))
            print(loop.is_running(), asyncio._get_running_loop())
            print(loop.run_until_complete(more()))
            loop.close()
            other.close()
        """,
    )
    assert done.stdout == "done\nFalse None\nmore\n" * 2
    assert "panic" not in done.stderr


def name_of_current(loop=None):
    task = asyncio.current_task(loop)
    return task and task.get_name()


def test_nobody_is_current_when_a_task_dies(loop):
    """The current task's note is cleared lazily by ferrio: a task that finished was still current
    while it was destroyed, or the next one was already."""
    seen = []

    class Speaks:
        def __del__(self):
            seen.append(("__del__", name_of_current(loop)))

    def handler(loop, context):
        seen.append((context["message"], name_of_current(loop)))

    async def fails():
        raise ValueError("never retrieved")

    async def holds():
        asyncio.current_task().thing = Speaks()

    async def other():
        await asyncio.sleep(0)

    async def main():
        loop.create_task(fails(), name="fails")
        loop.create_task(other(), name="other")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        loop.create_task(holds(), name="holds")
        loop.create_task(other(), name="other")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    loop.set_exception_handler(handler)
    loop.run_until_complete(main())
    assert seen == [("Task exception was never retrieved", None), ("__del__", None)]


def test_nobody_is_current_when_a_step_is_reported(loop):
    """A task that awaits junk fails in its step, not in its coroutine. ferrio reported that while
    the task was still current."""
    seen = []

    class Junk:
        @property
        def _asyncio_future_blocking(self):
            raise ValueError("junk")

        def __await__(self):
            yield self

    async def waits():
        await Junk()

    def handler(loop, context):
        seen.append((str(context["exception"]), name_of_current(loop)))

    loop.set_exception_handler(handler)
    task = loop.create_task(waits(), name="waits")
    task._log_destroy_pending = False
    loop.call_soon(lambda: seen.append(("soon", name_of_current())))
    loop.run_until_complete(asyncio.sleep(0))
    assert seen == [("junk", None), ("soon", None)]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks are new in 3.12")
def test_an_eager_start_that_fails(script, flavour):
    """A context can be entered once only. ferrio kept the task that failed to start in the list of
    living ones, and complained that it "was destroyed but it is pending"."""
    done = script(
        """
        import contextvars

        async def nothing():
            pass

        def start():
            coroutine = nothing()
            try:
                Task(coroutine, loop=loop, eager_start=True, context=context, name="failed")
            except RuntimeError as error:
                print(str(error)[:20])
            coroutine.close()

        async def more():
            await asyncio.sleep(0)
            print(len(asyncio.all_tasks()), asyncio.current_task().get_name())

        context = contextvars.copy_context()
        loop = new_event_loop()
        loop.call_soon(start, context=context)
        loop.call_soon(loop.stop)
        loop.run_forever()
        if sys.argv[1] == "ferrio":
            # Stock's current task is the failed one from now on, so its loop is of no use any more.
            loop.run_until_complete(loop.create_task(more(), name="more"))
        loop.close()
        print("end")
        """,
        flavour.name,
    )
    lines = done.stdout.splitlines()
    assert lines[0] == "cannot enter context"
    assert lines[1:] == (["1 more", "end"] if flavour.name == "ferrio" else ["end"])
    assert "pending" not in done.stderr
