"""The loop's methods belong to the class that programs see, and subclasses override them as any other's."""

import inspect

import ferrio
import pytest

METHODS = ["call_soon", "call_later", "call_at", "create_future", "create_task", "time", "run_forever", "add_reader"]


@pytest.mark.parametrize("name", METHODS)
def test_they_are_the_classes_own(name):
    method = getattr(ferrio.Loop, name)
    assert method.__objclass__ is ferrio.Loop
    assert method.__qualname__ == f"Loop.{name}"
    assert method.__doc__
    assert "self" in inspect.signature(method).parameters


def test_a_subclass_overrides_them():
    class Counting(ferrio.Loop):
        calls = 0

        def call_soon(self, callback, *args, context=None):
            self.calls += 1
            return super().call_soon(callback, *args, context=context)

    loop = Counting()
    try:
        loop.call_soon(loop.stop)
        loop.run_forever()
    finally:
        loop.close()
    assert loop.calls == 1


def test_they_refuse_what_is_no_loop_of_ferrios():
    for not_a_loop in object(), ferrio.Future:
        with pytest.raises(TypeError, match="doesn't apply to|requires a 'ferrio.Loop' object"):
            ferrio.Loop.call_soon(not_a_loop, print)


def test_only_a_subclass_can_be_given_them():
    with pytest.raises(TypeError, match="^not a subclass of Loop$"):
        ferrio._ferrio._give_loop_methods_to(int)
