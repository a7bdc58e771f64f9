"""Timers compare by deadline, and are equal only where they call the same.

Found in review with two timers for one deadline: ferrio's handles let go of their call when they
have run, and two that had nothing left to compare were equal.
"""

import pytest


@pytest.fixture
def run_timers(loop):
    def run_timers():
        loop.call_later(0.001, loop.stop)
        loop.run_forever()

    return run_timers


def test_two_that_have_run_are_two(loop, run_timers):
    now = loop.time()
    one, two = loop.call_at(now, len, ()), loop.call_at(now, max, 1, 2)
    assert one != two
    run_timers()
    assert one != two
    assert (one == one, two == two) == (True, True)
    assert len({one, two}) == 2
    assert [one, two].index(two) == 1


def test_one_that_has_run_and_one_that_has_not(loop, run_timers):
    now = loop.time()
    one = loop.call_at(now, len, ())
    run_timers()
    two = loop.call_at(now, max, 1, 2)
    assert one != two
    two.cancel()
    assert one != two


def test_one_that_has_run_and_one_that_was_cancelled(loop, run_timers):
    now = loop.time()
    one, two = loop.call_at(now, len, ()), loop.call_at(now, max, 1, 2)
    two.cancel()
    run_timers()
    assert one != two
    assert not one == two


def test_those_that_have_not_run_are_equal_if_they_call_the_same(loop):
    now = loop.time() + 1000
    one, same = loop.call_at(now, len, ()), loop.call_at(now, len, ())
    other, later = loop.call_at(now, len, [1]), loop.call_at(now + 1, len, ())
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert one != later
    same.cancel()
    assert one != same


def test_the_order_of_those_that_have_run(loop, run_timers):
    now = loop.time()
    one, two = loop.call_at(now - 1, len, ()), loop.call_at(now, max, 1, 2)
    run_timers()
    assert one < two
    assert one <= two
    assert two > one
    assert two >= one
    assert not one > two
    assert max(one, two) is two
