"""`__aenter__` and `__aexit__` of an object: methods bound to it, whoever asks for them and whatever is done with them."""

import gc
import inspect
import types
import weakref

import pytest

MAKERS = {
    "Lock": lambda lib: lib.Lock(),
    "Semaphore": lambda lib: lib.Semaphore(),
    "Condition": lambda lib: lib.Condition(),
    "Timeout": lambda lib: lib.Timeout(None),
}
NAMES = ("__aenter__", "__aexit__")


@pytest.fixture(params=MAKERS)
def make(request, lib):
    """A function that makes an object for `async with`."""
    return lambda: MAKERS[request.param](lib)


@pytest.mark.parametrize("name", NAMES)
def test_they_are_bound_methods(make, name):
    one, other = make(), make()
    method = getattr(one, name)
    assert isinstance(method, (types.MethodType, types.BuiltinMethodType)) and inspect.isroutine(method)
    assert callable(method) and method.__self__ is one and method.__name__ == name
    assert method == getattr(one, name) and hash(method) == hash(getattr(one, name))
    assert method != getattr(other, name) and method != getattr(one, NAMES[name == NAMES[0]])
    assert not method == 1 and name in repr(method)
    assert weakref.ref(method)() is method
    assert not hasattr(method, "something")
    with pytest.raises(AttributeError):
        method.something = 1


def test_their_signatures(make):
    one = make()
    assert not inspect.signature(one.__aenter__).parameters
    assert len(inspect.signature(one.__aexit__).parameters) == 3
    assert list(inspect.signature(type(one).__aenter__).parameters) == ["self"]


def test_they_can_be_called_later_and_by_keywords(run, make):
    async def main():
        one = make()
        enter, leave = one.__aenter__, one.__aexit__
        others = [make() for _ in range(100)]
        assert all(other.__aenter__.__self__ is other for other in others)
        await enter()
        names = list(inspect.signature(leave).parameters)
        await leave(**dict.fromkeys(names))
        two = make()
        await type(two).__aenter__(two)
        await two.__aexit__(*(None, None, None))

    run(main())


def test_wrong_arguments(make):
    one = make()
    for arguments in ((1,), (1, 2, 3, 4)):
        with pytest.raises(TypeError, match="__aenter__"):
            one.__aenter__(*arguments)
    for arguments in ((), (1,), (1, 2, 3, 4)):
        with pytest.raises(TypeError, match="__aexit__"):
            one.__aexit__(*arguments)
    with pytest.raises(TypeError, match="__aenter__"):
        one.__aenter__(something=1)


def test_an_object_that_keeps_its_own_is_collected(make):
    class Keeping(type(make())):
        def __init__(self, *args):
            super().__init__(*args)
            self.kept = [self.__aenter__, self.__aexit__]

    for _ in range(3):
        arguments = (None,) if Keeping.__mro__[1].__name__ == "Timeout" else ()
        reference = weakref.ref(Keeping(*arguments))
        gc.collect()
        assert reference() is None


def test_one_that_is_kept_keeps_its_object(run, make):
    async def main():
        for _ in range(10):
            async with make():
                pass

    run(main())
    enter = make().__aenter__
    run(main())
    gc.collect()
    assert type(enter.__self__) is type(make())


def test_those_of_a_subclass_come_first(run, make):
    class Told(type(make())):
        async def __aenter__(self):
            told.append("in")
            return await super().__aenter__()

        async def __aexit__(self, *error):
            told.append("out")
            return await super().__aexit__(*error)

    async def main():
        async with Told(*arguments):
            told.append("within")

    told = []
    arguments = (None,) if Told.__mro__[1].__name__ == "Timeout" else ()
    run(main())
    assert told == ["in", "within", "out"]


def test_what_replaces_one_in_the_class_counts(run, make, monkeypatch):
    async def instead(self):
        told.append(self)

    async def main():
        one = make()
        monkeypatch.setattr(type(one), "__aenter__", instead)
        await one.__aenter__()
        monkeypatch.undo()
        async with one:
            pass
        assert told == [one]

    told = []
    run(main())
