"""What a program can ask about a name answers as asyncio's: its docstring, signature, type hints, how it is copied and pickled.

All public names, and the methods of those that are classes. What is different is listed here, and for readers in docs/differences.md; a
listed difference that is gone fails too.
"""

import asyncio
import copy
import inspect
import pickle
import re
import sys
import typing

import pytest
from flavours import ONLY_STOCK

if ONLY_STOCK:
    pytest.skip("there is nothing to compare", allow_module_level=True)

import ferrio

NAMES = [name for name in sorted(asyncio.__all__) if getattr(ferrio, name) is not getattr(asyncio, name)]
CLASSES = [name for name in NAMES if inspect.isclass(getattr(asyncio, name))]
METHODS = [
    f"{name}.{method}"
    for name in CLASSES
    for method, value in inspect.getmembers(getattr(asyncio, name), callable)
    if not method.startswith("_") or method in ("__init__", "__aenter__", "__aexit__", "__class_getitem__")
]


def answer(question, thing):
    """Or the class of the exception."""
    try:
        return question(thing)
    except Exception as error:
        return type(error)


def is_itself(twin):
    return lambda thing: twin(thing) is thing


FACTS = {
    "name": lambda thing: getattr(thing, "__name__", None),
    "qualname": lambda thing: getattr(thing, "__qualname__", None),
    "doc": lambda thing: thing.__doc__,
    "signature": inspect.signature,
    "hints": typing.get_type_hints,
    "callable": callable,
    "class": inspect.isclass,
    "routine": inspect.isroutine,
    "coroutine function": inspect.iscoroutinefunction,
    "generator function": inspect.isgeneratorfunction,
    "asynchronous generator function": inspect.isasyncgenfunction,
}

#: Of the names themselves; a method is pickled by its object.
TWINS = {
    "copied": is_itself(copy.copy),
    "deeply copied": is_itself(copy.deepcopy),
    "pickled": is_itself(lambda thing: pickle.loads(pickle.dumps(thing))),
}


def different(path, facts):
    """The facts that are not the same, with both answers."""
    ours, theirs = ferrio, asyncio
    for name in path.split("."):
        ours, theirs = getattr(ours, name), getattr(theirs, name)
    answers = {fact: (answer(question, ours), answer(question, theirs)) for fact, question in facts.items()}
    return {fact: pair for fact, pair in answers.items() if pair[0] != pair[1]}


#: Functions that are ferrio's by design: what they do is said in their own words, with annotations.
OWN = {"new_event_loop": {"doc", "signature", "hints"}, "run": {"doc"}}
if sys.version_info < (3, 12):
    OWN["run"].add("signature")  # ours takes `loop_factory` there too


@pytest.mark.parametrize("name", NAMES)
def test_a_name(name):
    expected = set(OWN.get(name, ()))
    if name == "Timeout":
        # Its `__init__` is native: without annotations.
        expected = {"signature"}
    assert different(name, {**FACTS, **TWINS}).keys() == expected


#: Methods of a native class have no annotations; what asyncio has an `async def` for is a method that returns a coroutine.
TIMEOUT = {
    "__init__": {"doc", "signature", "hints"},
    "__aenter__": {"signature", "hints", "coroutine function"},
    "__aexit__": {"signature", "hints", "coroutine function"},
    "expired": {"signature", "hints"},
    "reschedule": {"signature", "hints"},
    "when": {"signature", "hints"},
}


def shared(method):
    """asyncio's C class has two methods where ours inherits one."""
    mine, theirs = getattr(ferrio.Task, method), getattr(asyncio.Task, method)
    return mine.__qualname__ == f"Future.{method}" and theirs.__qualname__ == f"Task.{method}"


def undocumented(path):
    """Our native methods all have a docstring, of asyncio's some have none."""
    class_, method = path.split(".")
    return class_ in ("Future", "Task") and getattr(getattr(asyncio, class_), method).__doc__ is None


@pytest.mark.parametrize("path", METHODS)
def test_a_method(path):
    class_, method = path.split(".")
    expected = set()
    if class_ == "Timeout":
        expected |= TIMEOUT.get(method, set())
    if class_.startswith("Stream") and method == "__init__":
        # Native too.
        expected |= {"doc", "signature"}
    if class_ == "Task" and shared(method):
        expected.add("qualname")
    if undocumented(path):
        expected.add("doc")
    if path == "TaskGroup.create_task":
        expected |= {"signature"}
        # A native method's signature says that `self` is positional only.
        pair = different(path, {"signature": inspect.signature})["signature"]
        assert str(pair[0]).replace("(self, /,", "(self,") == str(pair[1])
    assert different(path, FACTS).keys() == expected, different(path, FACTS)


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_is_asyncios_class(name):
    ours, theirs = getattr(ferrio, name), getattr(asyncio, name)
    assert ours.__module__ == "ferrio"
    assert repr(ours) == f"<class 'ferrio.{name}'>"
    assert issubclass(ours, theirs) is (name not in ("Future", "Task"))
    assert vars(ferrio)[name] is pickle.loads(pickle.dumps(ours))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in CLASSES])
def test_a_function_shows_itself_as_a_function(name):
    assert re.fullmatch(rf"<function {name} at 0x[0-9a-f]+>", repr(getattr(ferrio, name)))


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_asyncio_while_it_is_installed(name):
    """Then the same is asked of asyncio's names, and pickles of either find something."""
    if name in (*OWN, "Future", "Task"):
        pytest.skip("stays asyncio's own")
    ferrio.install()
    try:
        installed = getattr(asyncio, name)
        assert installed is getattr(ferrio, name)
        assert pickle.loads(pickle.dumps(installed)) is installed
    finally:
        ferrio.uninstall()
    assert sys.modules["asyncio"].__dict__[name] is not getattr(ferrio, name)
