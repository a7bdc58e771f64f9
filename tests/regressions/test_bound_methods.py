"""Methods that `async with` looks up are called without CPython in between: with objects of their class only."""

import sys

import pytest

import ferrio


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="async with does not bind")
def test_methods_for_async_with_are_bound_to_their_objects_only():
    for name, arguments in (("__aenter__", ()), ("__aexit__", (None, None, None))):
        method = vars(ferrio._ferrio.Timeout)[name]
        for other in (5, object(), ferrio.Lock()):
            with pytest.raises(TypeError, match="Timeout"):
                method.__get__(other)
        bound = method.__get__(ferrio.Timeout(None))
        for wrong in (arguments + (1,), arguments[:-1] if arguments else (1, 2)):
            with pytest.raises(TypeError):
                bound(*wrong)
        with pytest.raises(TypeError):
            bound(*arguments, other=1)
        bound(*arguments).close()
        assert bound.__self__.when() is None and bound.__name__ == name
