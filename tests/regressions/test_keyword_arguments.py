"""What asyncio's pure Python methods take by name can be given by name.

Found in review by calling each method with the names of the documentation: ferrio's were
positional-only.
"""

import asyncio
import os
import signal

import pytest

CALLS = {
    "call_soon": {"callback": print},
    "call_soon_threadsafe": {"callback": print},
    "call_later": {"delay": 1000, "callback": print},
    "call_at": {"when": 1e9, "callback": print},
    "add_reader": {"fd": "read end", "callback": print},
    "add_writer": {"fd": "write end", "callback": print},
    "remove_reader": {"fd": "read end"},
    "remove_writer": {"fd": "write end"},
    "add_signal_handler": {"sig": signal.SIGUSR1, "callback": print},
    "remove_signal_handler": {"sig": signal.SIGUSR1},
    "set_task_factory": {"factory": None},
    "set_debug": {"enabled": False},
    "set_exception_handler": {"handler": None},
    "run_until_complete": {"future": "finished future"},
}


@pytest.fixture
def arguments(loop):
    """``arguments(method)``: those of CALLS, with a descriptor and a future of now."""
    left, right = os.pipe()
    future = loop.create_future()
    future.set_result("result")
    real = {"read end": left, "write end": right, "finished future": future}

    def arguments(method):
        return {
            name: real[value] if isinstance(value, str) else value
            for name, value in CALLS[method].items()
        }

    yield arguments
    loop.remove_reader(left)
    loop.remove_writer(right)
    os.close(left)
    os.close(right)


def clean(method, result):
    """Checks the handle or the result, and cancels what was scheduled."""
    if method == "run_until_complete":
        assert result == "result"
    if method.startswith("call_"):
        assert not result.cancelled()
        result.cancel()


@pytest.mark.parametrize("method", CALLS)
def test_by_name(loop, arguments, method):
    clean(method, getattr(loop, method)(**arguments(method)))


@pytest.mark.parametrize("method", CALLS)
def test_the_first_by_position(loop, arguments, method):
    rest = arguments(method)
    first = rest.pop(next(iter(rest)))
    clean(method, getattr(loop, method)(first, **rest))


@pytest.mark.parametrize("method", CALLS)
def test_unknown_names_are_refused(loop, arguments, method):
    with pytest.raises(TypeError):
        getattr(loop, method)(**arguments(method), nonsense=1)


@pytest.mark.parametrize("method", CALLS)
def test_twice_is_refused(loop, arguments, method):
    given = arguments(method)
    with pytest.raises(TypeError):
        getattr(loop, method)(*given.values(), **given)


@pytest.mark.parametrize("method", CALLS)
def test_missing_ones_are_refused(loop, method):
    with pytest.raises(TypeError):
        getattr(loop, method)()


def test_a_callback_given_by_name_is_called(loop):
    seen = []
    loop.call_soon(callback=lambda: seen.append("soon"))
    loop.call_soon_threadsafe(callback=lambda: seen.append("threadsafe"), context=None)
    loop.call_later(delay=0, callback=lambda: seen.append("later"))
    loop.call_at(callback=lambda: seen.append("at"), when=loop.time())
    loop.run_until_complete(future=asyncio.sleep(0.001))
    assert seen[:2] == ["soon", "threadsafe"]
    assert sorted(seen[2:]) == ["at", "later"]
