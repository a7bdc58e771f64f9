"""Is an error one that ``--legacy`` cures? Imported when a program has failed.

Only sure cases: an error of the program's own that reads the same must not bring the line.
"""

import asyncio
import concurrent.futures
import re
import sys
import threading
from types import GeneratorType, ModuleType

from .. import _sync, legacy
from . import _bound, _events, _functions

_IMPORTED = re.compile(r"cannot import name '(\w+)' from '([\w.]+)'")
_LOOP_GIVEN = re.compile(r"(\w+)(?:\.__init__)?\(\) got an unexpected keyword argument 'loop'")
_NOT_A_CONTEXT = re.compile(r"'(\w+)' object is not iterable|object (\w+) can't be used in 'await'|'(\w+)' object can't be awaited")


def is_cured(exception):
    """Does the error that a program has ended with go away with ``--legacy``?"""
    return any(isinstance(exception, kind) and is_that(exception) for kind, is_that in _CASES)


def _is_a_gone_attribute(exception):
    owner = asyncio if exception.obj is sys.modules["ferrio"] else exception.obj
    return _comes_back(owner, exception.name)


def _is_a_gone_import(exception):
    if exception.name in legacy.MODULES:
        return True
    found = _IMPORTED.match(exception.msg or "")
    return found is not None and _comes_back(sys.modules.get(found[2]), found[1])


def _comes_back(owner, name):
    if owner is asyncio.Task:
        return name in ("all_tasks", "current_task")
    return any(
        name == put and (owner is place or (isinstance(place, type) and isinstance(owner, place)))
        for place, put in legacy.places()
    )


def _is_about_a_loop_argument(exception):
    if "unexpected keyword argument 'loop'" not in str(exception):
        return False
    stock = {getattr(asyncio, name).__code__ for name in _functions.ON_THE_RUNNING_LOOP}
    frames = list(_frames(exception))
    if any(frame.f_code in stock and "loop" in frame.f_locals.get("kwds", ()) for frame in frames):
        # These hand it on, and it is refused further down.
        return True
    found = _LOOP_GIVEN.match(str(exception))
    if found is None:
        return False
    seen = list(_seen_from(frames[-1], found[1]))
    called = [thing for thing in seen if getattr(thing, "__name__", None) == found[1]]
    functions = [getattr(asyncio, name) for name in _functions.NAMES if name == found[1]]
    if functions:
        return any(thing in functions for thing in called) and all(thing in functions for thing in called)
    classes = _classes_named(found[1])
    return bool(classes) and all(thing in classes for thing in called) and any(_is_of(thing, classes) for thing in seen)


def _classes_named(name):
    """asyncio's class of this name that had the argument, and the native one made of it."""
    return tuple(each for stock in _bound.CLASSES if stock.__name__ == name for each in (stock, getattr(_sync, name)))


def _is_of(thing, classes):
    return isinstance(thing, classes) or (isinstance(thing, type) and issubclass(thing, classes))


def _is_about_coroutines_to_wait_for(exception):
    # asyncio.wait since 3.11.
    return str(exception).startswith("Passing coroutines is forbidden") and _raised_by(exception, asyncio.wait)


def _is_about_a_generator(exception):
    # As a coroutine, refused since 3.12.
    text = str(exception)
    if text.startswith("a coroutine was expected, got <generator object "):
        return True
    if not text.startswith("An asyncio.Future, a coroutine"):
        return False
    # In ensure_future, or (3.14) in Runner.run.
    scope = _last_frame(exception).f_locals
    return any(isinstance(scope.get(name), GeneratorType) for name in ("coro_or_future", "coro"))


def _is_about_an_executor(exception):
    if not _raised_by(exception, _events.Executing.set_default_executor):
        return False
    return isinstance(_last_frame(exception).f_locals.get("executor"), concurrent.futures.Executor)


def _is_about_a_lock_as_context(exception):
    found = _NOT_A_CONTEXT.match(str(exception))
    if found is None:
        return False
    name = next(filter(None, found.groups()))
    named = [thing for thing in _seen_from(_last_frame(exception)) if type(thing).__name__ == name]
    return bool(named) and all(isinstance(thing, asyncio.locks._ContextManagerMixin) for thing in named)


def _is_about_no_current_loop(exception):
    if not _raised_by(exception, _events.POLICY.get_event_loop):
        return False
    if repr(threading.main_thread().name) not in str(exception):
        return False
    return _events.makes_a_loop(_last_frame(exception).f_locals["self"])


_CASES = (
    (AttributeError, _is_a_gone_attribute),
    (ImportError, _is_a_gone_import),
    (TypeError, _is_about_a_loop_argument),
    (TypeError, _is_about_coroutines_to_wait_for),
    ((TypeError, ValueError), _is_about_a_generator),
    (TypeError, _is_about_an_executor),
    (TypeError, _is_about_a_lock_as_context),
    (RuntimeError, _is_about_no_current_loop),
)


def _frames(exception):
    traceback = exception.__traceback__
    while traceback is not None:
        yield traceback.tb_frame
        traceback = traceback.tb_next


def _last_frame(exception):
    return list(_frames(exception))[-1]


def _raised_by(exception, function):
    return _last_frame(exception).f_code is function.__code__


def _seen_from(frame, name=None):
    """What the frame's code can have meant: its names, and those again as attributes of what it sees. `name` in modules, too."""
    code = frame.f_code
    names = {*code.co_names, *code.co_varnames, *code.co_freevars, *code.co_cellvars}
    scope = {**frame.f_globals, **frame.f_locals}
    for thing in [scope[each] for each in names if each in scope]:
        yield thing
        inner = getattr(thing, "__dict__", {})
        for each in names | {name} if isinstance(thing, ModuleType) else names:
            if each in inner:
                yield inner[each]
