"""A run inside a run: what comes back, who is the current task, and that everything else goes on."""

import asyncio
import sys

import pytest


async def answer(value=42):
    await asyncio.sleep(0)
    return value


async def fail():
    await asyncio.sleep(0)
    raise KeyError("from inside")


def test_results_and_errors_come_back(nestable):
    async def main():
        assert nestable.run_until_complete(answer(1)) == 1
        assert nestable.run_until_complete(asyncio.ensure_future(answer(2))) == 2
        done = nestable.create_future()
        done.set_result(3)
        assert nestable.run_until_complete(done) == 3
        for run in (nestable.run_until_complete, asyncio.run):
            with pytest.raises(KeyError, match="from inside"):
                run(fail())
        finished, pending = nestable.run_until_complete(asyncio.wait([asyncio.ensure_future(answer(n)) for n in range(3)]))
        assert {task.result() for task in finished} == {0, 1, 2} and not pending
        return asyncio.run(answer(4))

    assert nestable.run_until_complete(main()) == 4
    assert not nestable.is_running()


def test_the_current_task(nestable):
    async def inner(outer, depth):
        me = asyncio.current_task()
        assert me is not outer
        await asyncio.sleep(0)
        if depth:
            asyncio.run(inner(me, depth - 1))
        assert asyncio.current_task() is me and asyncio.get_running_loop() is nestable
        await asyncio.sleep(0)
        assert asyncio.current_task() is me

    async def main():
        me = asyncio.current_task()
        nestable.run_until_complete(inner(me, 5))
        assert asyncio.current_task() is me and asyncio.get_running_loop() is nestable
        await asyncio.sleep(0)
        assert asyncio.current_task() is me

    nestable.run_until_complete(main())


def test_other_tasks_go_on(nestable):
    ticks = []

    async def tick():
        while True:
            ticks.append(asyncio.current_task())
            await asyncio.sleep(0)

    async def main():
        ticking = asyncio.ensure_future(tick())
        asyncio.run(asyncio.sleep(0.001))
        assert len(ticks) > 1 and set(ticks) == {ticking}
        ticking.cancel()

    nestable.run_until_complete(main())


def test_many_tasks_that_run_the_loop(nestable):
    async def one(number):
        await asyncio.sleep(0.001 * (number % 3))
        return asyncio.run(answer(number))

    async def main():
        return await asyncio.gather(*map(one, range(30)))

    assert nestable.run_until_complete(main()) == list(range(30))


def test_who_asked_before_is_called_before_the_run_ends(nestable):
    """Found with a notebook in a stock kernel, whose callback printed in a later cell."""
    seen = []

    async def main():
        task = asyncio.ensure_future(answer())
        task.add_done_callback(lambda done: seen.append(done.result()))
        nestable.run_until_complete(task)
        return list(seen)

    assert nestable.run_until_complete(main()) == [42]


def test_from_a_callback_and_a_timer(nestable):
    seen = []

    def call(name):
        assert asyncio.current_task() is None
        seen.append((name, nestable.run_until_complete(answer(name))))
        assert asyncio.current_task() is None

    async def main():
        nestable.call_soon(call, "soon")
        nestable.call_later(0.001, call, "later")
        future = nestable.create_future()
        future.add_done_callback(lambda done: call(done.result()))
        future.set_result("future")
        while len(seen) < 3:
            await asyncio.sleep(0.001)

    nestable.run_until_complete(main())
    assert sorted(seen) == [(name, name) for name in ("future", "later", "soon")]


def test_what_the_enclosing_turn_has_not_run_yet_is_not_lost(nestable):
    """Timers that were due together, calls that were ready together: the first waits for the last."""
    seen = []

    def wait_for(future):
        seen.append(nestable.run_until_complete(future))

    async def main():
        first, second, third = (nestable.create_future() for _ in range(3))
        when = nestable.time() + 0.001
        nestable.call_at(when, wait_for, first)
        nestable.call_at(when, first.set_result, "timer")
        nestable.call_soon(wait_for, second)
        nestable.call_soon(second.set_result, "call")
        address = asyncio.ensure_future(nestable.getaddrinfo("localhost", 80))
        nestable.call_soon(wait_for, address)
        nestable.call_soon_threadsafe(wait_for, third)
        nestable.call_soon_threadsafe(third.set_result, "mail")
        while len(seen) < 4:
            await asyncio.sleep(0.001)

    nestable.run_until_complete(main())
    assert {"timer", "call", "mail"} < {each for each in seen if isinstance(each, str)} | {None}


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager start is new in 3.12")
def test_from_a_task_that_is_started_eagerly(nestable):
    async def eager():
        me = asyncio.current_task()
        assert asyncio.run(answer(1)) == 1
        assert asyncio.current_task() is me
        await asyncio.sleep(0)
        assert asyncio.current_task() is me
        return 2

    async def main():
        me = asyncio.current_task()
        nestable.set_task_factory(asyncio.eager_task_factory)
        task = asyncio.create_task(eager())
        assert asyncio.current_task() is me
        await asyncio.sleep(0)
        assert asyncio.current_task() is me
        return await task

    assert nestable.run_until_complete(main()) == 2


@pytest.mark.parametrize("kind", ["_CTask", "_PyTask"])
def test_from_tasks_of_asyncios_own(nestable, kind):
    kind = getattr(asyncio.tasks, kind)
    nestable.set_task_factory(lambda loop, coro, **named: kind(coro, loop=loop, **named))

    async def main():
        assert type(asyncio.ensure_future(answer())) is kind
        assert asyncio.run(answer(1)) == 1
        await asyncio.sleep(0)
        return nestable.run_until_complete(answer(2))

    assert nestable.run_until_complete(main()) == 2


def test_run_forever_inside_a_run(nestable):
    async def main():
        nestable.call_later(0.001, nestable.stop)
        nestable.run_forever()
        assert nestable.is_running()
        return await answer()

    assert nestable.run_until_complete(main()) == 42


def test_stop_ends_the_innermost_run(nestable):
    async def inner():
        nestable.call_soon(nestable.stop)
        with pytest.raises(RuntimeError, match="^Event loop stopped before Future completed.$"):
            nestable.run_until_complete(nestable.create_future())
        return "inner goes on"

    async def main():
        assert nestable.run_until_complete(inner()) == "inner goes on"
        return await answer()

    assert nestable.run_until_complete(main()) == 42


def test_stop_of_the_enclosing_run_waits_until_the_inner_one_has_ended(nestable):
    async def main():
        nestable.stop()
        assert nestable.run_until_complete(answer()) == 42
        await asyncio.sleep(0)
        await nestable.create_future()

    task = nestable.create_task(main())
    nestable.run_forever()
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        nestable.run_until_complete(task)


@pytest.mark.parametrize("when", ["before", "in the queue", "inside"])
def test_the_end_of_what_an_enclosing_run_waits_for_does_not_end_the_inner_one(nestable, ours, when):
    outer, seen = nestable.create_future(), []

    def call():
        if when == "before":
            outer.set_result("outer")
        if when == "inside":
            nestable.call_soon(outer.set_result, "outer")
        seen.append(nestable.run_until_complete(asyncio.sleep(0.001, "inner")))

    if when == "in the queue":
        nestable.call_soon(outer.set_result, "outer")
    nestable.call_soon(call)
    assert nestable.run_until_complete(outer) == "outer"
    assert seen == ["inner"]


def test_an_enclosing_task_that_ends_does_not_end_the_inner_run(nestable):
    seen = []

    def call():
        seen.append(nestable.run_until_complete(asyncio.sleep(0.002, "inner")))

    async def main():
        nestable.call_soon(call)
        await asyncio.sleep(0.001)
        return "outer"

    assert nestable.run_until_complete(main()) == "outer"
    assert seen == ["inner"]


def test_an_enclosing_task_ends_in_the_same_turn_as_the_inner_run(nestable):
    gate, seen = nestable.create_future(), []

    async def wait(name):
        await gate
        return name

    def call():
        nestable.call_soon(nestable.call_soon, gate.set_result, None)
        seen.append(nestable.run_until_complete(wait("inner")))

    async def main():
        nestable.call_soon(call)
        return await wait("outer")

    assert nestable.run_until_complete(main()) == "outer"
    assert seen == ["inner"]


def test_two_runs_wait_for_one_future(nestable, ours):
    future, seen = nestable.create_future(), []
    nestable.call_soon(lambda: seen.append(nestable.run_until_complete(future)))
    nestable.call_later(0.001, future.set_result, 5)
    assert nestable.run_until_complete(future) == 5 and seen == [5]


def test_an_inner_run_that_ends_first_returns_when_the_deeper_one_has(nestable):
    ends = []

    async def main():
        slow, quick = nestable.create_future(), asyncio.ensure_future(answer("quick"))

        def deeper():
            ends.append(nestable.run_until_complete(slow))

        nestable.call_soon(deeper)
        nestable.call_later(0.002, slow.set_result, "slow")
        ends.append(nestable.run_until_complete(quick))

    nestable.run_until_complete(main())
    assert ends == ["slow", "quick"]


def test_a_task_that_would_wait_for_itself_is_told(nestable):
    async def main():
        with pytest.raises(RuntimeError, match="^Task cannot await on itself: "):
            nestable.run_until_complete(asyncio.current_task())
        return await answer()

    assert nestable.run_until_complete(main()) == 42


def test_nor_can_a_deeper_run_wait_for_a_task_in_the_middle_of_a_step(nestable, ours):
    async def main():
        me = asyncio.current_task()

        async def inner():
            with pytest.raises(RuntimeError, match="^Task cannot await on itself: "):
                nestable.run_until_complete(me)

        nestable.run_until_complete(inner())

    nestable.run_until_complete(main())


def test_the_depth_has_a_limit(nestable):
    async def deeper(depth):
        depths.append(depth)
        return asyncio.run(deeper(depth + 1))

    async def main():
        with pytest.raises(RuntimeError, match="runs of event loops are nested in this thread already"):
            await deeper(0)
        return await answer()

    depths = []
    assert nestable.run_until_complete(main()) == 42
    assert len(depths) >= 50
    # And from the ground it works again.
    assert nestable.run_until_complete(main()) == 42


def test_close_inside_a_run_warns_and_does_nothing(nestable):
    async def main():
        with pytest.warns(RuntimeWarning, match=r"is running: close\(\) inside a run does nothing") as caught:
            nestable.close()
        assert caught[0].filename == __file__
        return asyncio.run(answer())

    assert nestable.run_until_complete(main()) == 42
    assert not nestable.is_closed()


def test_asyncgen_hooks_and_running_loop_are_those_of_the_outermost_run(nestable):
    async def numbers():
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            closed.append(True)

    async def inner():
        async for number in numbers():
            return number

    closed = []

    async def main():
        before = sys.get_asyncgen_hooks()
        assert asyncio.run(inner()) == 1
        assert sys.get_asyncgen_hooks() == before
        while not closed:
            await asyncio.sleep(0)

    before = sys.get_asyncgen_hooks()
    nestable.run_until_complete(main())
    assert sys.get_asyncgen_hooks() == before


def test_another_loop_inside_a_run(flavour, nestable, ours):
    other = flavour.new_event_loop()

    async def back():
        assert asyncio.get_running_loop() is nestable
        return await answer()

    async def on_other():
        me = asyncio.current_task()
        assert asyncio.get_running_loop() is other
        result = nestable.run_until_complete(back())
        assert asyncio.get_running_loop() is other and asyncio.current_task() is me
        await asyncio.sleep(0)
        return result

    async def main():
        me = asyncio.current_task()
        assert other.run_until_complete(on_other()) == 42
        assert asyncio.get_running_loop() is nestable and asyncio.current_task() is me
        await asyncio.sleep(0)
        assert asyncio.current_task() is me

    nestable.run_until_complete(main())
    other.close()


def test_our_loop_inside_a_run_of_asyncios():
    import ferrio

    ours = ferrio.new_event_loop()

    async def on_ours():
        assert asyncio.get_running_loop() is ours
        return await answer()

    async def main():
        me = asyncio.current_task()
        assert ours.run_until_complete(on_ours()) == 42
        assert asyncio.current_task() is me
        await asyncio.sleep(0)
        assert asyncio.current_task() is me

    with ferrio.nested():
        asyncio.run(main())
    ours.close()


def test_a_hidden_running_loop(nestable, ours):
    async def main():
        me = asyncio.current_task()
        asyncio._set_running_loop(None)
        assert nestable.run_until_complete(answer()) == 42
        asyncio._set_running_loop(nestable)
        assert asyncio.current_task() is me
        await asyncio.sleep(0)

    nestable.run_until_complete(main())


def test_debug_mode_times_the_callback_that_runs_the_loop(nestable, log):
    nestable.set_debug(True)
    nestable.slow_callback_duration = 0.001

    async def slow():
        asyncio.run(asyncio.sleep(0.01))

    nestable.run_until_complete(slow())
    assert any("Executing" in record.getMessage() and "slow" in record.getMessage() for record in log.records)


def test_a_library_that_looks_for_the_root_task_finds_one(nestable):
    """anyio ends its worker threads when the task ends that `run_until_complete` waits for; it knows that by the callback."""
    from asyncio.base_events import _run_until_complete_cb

    async def main():
        def is_root(task):
            return any(callback is _run_until_complete_cb for callback, _ in task._callbacks or ())

        me = asyncio.current_task()
        assert is_root(me)
        nestable.run_until_complete(answer())
        assert is_root(me)

    nestable.run_until_complete(main())


@pytest.mark.parametrize("first", ["nothing", "a run of its own"])
def test_a_run_forever_that_runs_twice(nestable, ours, first):
    """The end of what is waited for outside does not stop a run inside, whichever call of `run_forever` that stands in."""

    class Twice(type(nestable)):
        is_first, is_prepared = True, False

        def run_forever(self):
            if self.is_first:
                self.is_first = False
                if first == "a run of its own":
                    self.run_until_complete(asyncio.sleep(0))
                self.is_prepared = True
                super().run_forever()
            super().run_forever()

    async def inner():
        for _ in range(5):
            await asyncio.sleep(0)
        answers.append("inner")

    async def outer():
        while not loop.is_prepared:
            await asyncio.sleep(0)
        loop.stop()
        await asyncio.sleep(0)
        loop.call_soon(lambda: loop.run_until_complete(inner()))
        answers.append("outer")

    answers, loop = [], Twice()
    loop.run_until_complete(outer())
    loop.close()
    assert answers == ["outer", "inner"]
