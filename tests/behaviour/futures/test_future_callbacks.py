"""Done callbacks run once, one turn later, in the order they were added, with the future as
argument."""

import asyncio
import functools

import pytest


def run_once(loop):
    loop.stop()
    loop.run_forever()


@pytest.fixture
def future(loop):
    return loop.create_future()


def test_in_the_order_they_were_added(loop, future):
    seen = []
    for number in range(10):
        future.add_done_callback(lambda f, number=number: seen.append((number, f)))
    future.set_result(1)
    assert seen == [], "never called from set_result itself"
    run_once(loop)
    assert seen == [(number, future) for number in range(10)]


@pytest.mark.parametrize("finish", ["set_result", "set_exception", "cancel"])
def test_for_every_outcome(loop, future, finish):
    seen = []
    future.add_done_callback(seen.append)
    {
        "set_result": lambda: future.set_result(1),
        "set_exception": lambda: future.set_exception(ValueError()),
        "cancel": future.cancel,
    }[finish]()
    run_once(loop)
    assert seen == [future]
    if finish == "set_exception":
        future.exception()


def test_added_after_the_end_it_still_runs_a_turn_later(loop, future):
    future.set_result(1)
    seen = []
    future.add_done_callback(seen.append)
    assert seen == []
    run_once(loop)
    assert seen == [future]


def test_the_same_callback_twice_runs_twice(loop, future):
    seen = []
    future.add_done_callback(seen.append)
    future.add_done_callback(seen.append)
    future.set_result(None)
    run_once(loop)
    assert len(seen) == 2


def test_remove_returns_how_many(loop, future):
    seen = []
    other = []
    for _ in range(3):
        future.add_done_callback(seen.append)
        future.add_done_callback(other.append)
    assert future.remove_done_callback(seen.append) == 3
    assert future.remove_done_callback(seen.append) == 0
    assert future.remove_done_callback(print) == 0
    future.set_result(None)
    run_once(loop)
    assert (seen, len(other)) == ([], 3)


def test_remove_compares_with_equality(loop, future):
    class Equal:
        def __eq__(self, other):
            return isinstance(other, Equal)

        def __call__(self, future):
            raise AssertionError("removed")

    future.add_done_callback(Equal())
    assert future.remove_done_callback(Equal()) == 1
    future.set_result(None)
    run_once(loop)


def test_remove_passes_on_an_error_of_the_comparison(loop, future):
    class Bad:
        def __eq__(self, other):
            raise OSError("cannot compare")

        def __call__(self, future):
            pass

    future.add_done_callback(Bad())
    future.add_done_callback(Bad())
    with pytest.raises(OSError, match="cannot compare"):
        future.remove_done_callback(Bad())
    future.cancel()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_comparison_that_changes_the_list_is_survived(loop, future, count):
    mutated = []

    class Mutating:
        def __eq__(self, other):
            if len(mutated) < 3:
                mutated.append(True)
                future.remove_done_callback(print)
                for _ in range(3):
                    future.add_done_callback(id)
                future.remove_done_callback(id)
            return False

        def __call__(self, future):
            pass

    for _ in range(count):
        future.add_done_callback(Mutating())
        future.add_done_callback(print)
    assert future.remove_done_callback(Mutating()) == 0
    assert mutated
    future.cancel()
    run_once(loop)


def test_a_comparison_that_finishes_the_future_is_survived(loop, future):
    class Finishing:
        def __eq__(self, other):
            future.cancel()
            return True

        def __call__(self, future):
            pass

    for _ in range(4):
        future.add_done_callback(Finishing())
    future.remove_done_callback(Finishing())
    run_once(loop)
    assert future.cancelled()


def test_removing_after_the_end_cannot_stop_it(loop, future):
    seen = []
    future.add_done_callback(seen.append)
    future.set_result(None)
    assert future.remove_done_callback(seen.append) == 0
    run_once(loop)
    assert seen == [future]


def test_a_callback_can_add_another(loop, future):
    seen = []
    future.add_done_callback(lambda f: f.add_done_callback(lambda f: seen.append("second")))
    future.set_result(None)
    run_once(loop)
    assert seen == []
    run_once(loop)
    assert seen == ["second"]


def test_a_callback_that_raises_is_reported_and_the_rest_runs(loop, future, reported):
    loop.set_exception_handler(reported)
    seen = []
    future.add_done_callback(lambda f: 1 / 0)
    future.add_done_callback(seen.append)
    future.set_result(None)
    run_once(loop)
    assert seen == [future]
    assert isinstance(reported[0]["exception"], ZeroDivisionError)
    assert reported[0]["message"].startswith("Exception in callback ")


def test_a_callback_that_takes_no_argument_is_reported(loop, future, reported):
    loop.set_exception_handler(reported)
    future.add_done_callback(lambda: None)
    future.set_result(None)
    run_once(loop)
    assert isinstance(reported[0]["exception"], TypeError)


def test_a_partial_and_a_bound_method_are_callbacks(loop, future):
    seen = []
    future.add_done_callback(functools.partial(lambda tag, f: seen.append(tag), "partial"))
    future.add_done_callback(seen.append)
    future.set_result(None)
    run_once(loop)
    assert seen == ["partial", future]


def test_wrong_arguments(future):
    with pytest.raises(TypeError):
        future.add_done_callback()
    with pytest.raises(TypeError):
        future.add_done_callback(print, None)
    future.cancel()


def test_callbacks_are_visible_to_libraries(loop, future):
    future.add_done_callback(print)
    assert [entry[0] for entry in future._callbacks] == [print]
    future.cancel()


def test_callbacks_on_a_task_run_after_it(loop):
    seen = []

    async def work():
        seen.append("work")
        return 3

    task = loop.create_task(work())
    task.add_done_callback(lambda t: seen.append(t.result()))
    loop.run_until_complete(task)
    assert seen == ["work", 3]


def test_a_wake_up_and_a_callback_keep_their_order(loop, future):
    seen = []

    async def waiter():
        await future
        seen.append("waiter")

    async def main():
        future.add_done_callback(lambda _: seen.append("before"))
        task = asyncio.create_task(waiter())
        await asyncio.sleep(0)
        future.add_done_callback(lambda _: seen.append("after"))
        future.set_result(None)
        await task

    loop.run_until_complete(main())
    assert seen == ["before", "waiter", "after"]
