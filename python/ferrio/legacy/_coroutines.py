"""Coroutines made of generators: `@asyncio.coroutine`, removed in 3.11, and generators as coroutines, refused since 3.12."""

import asyncio
import collections.abc
import functools
import inspect
import types
from asyncio import coroutines, format_helpers
from asyncio.log import logger

from ._warn import warn


def put_back(installation):
    """The decorator; and asyncio and ferrio, which both ask `asyncio.iscoroutine`, take generators for coroutines."""
    known = coroutines._COROUTINE_TYPES
    if types.GeneratorType not in known:
        installation.replace(coroutines, "_COROUTINE_TYPES", (*known, types.GeneratorType))
    for owner in (asyncio, coroutines):
        installation.replace(owner, "coroutine", coroutine)
    installation.replace(coroutines, "CoroWrapper", CoroWrapper)
    installation.replace(coroutines, "_DEBUG", coroutines._is_debug_mode())


def coroutine(func):
    """Mark a generator function as a coroutine; another function becomes one that gives, or awaits, what it returns."""
    warn("@asyncio.coroutine", "write async def, and await for yield from")
    if inspect.iscoroutinefunction(func):
        return func
    made = types.coroutine(func if inspect.isgeneratorfunction(func) else _as_generator_function(func))
    if coroutines._is_debug_mode():
        made = _watched(made, func)
    # What iscoroutinefunction() asks for.
    made._is_coroutine = coroutines._is_coroutine
    return made


def _as_generator_function(func):
    @functools.wraps(func)
    def call(*args, **named):
        result = func(*args, **named)
        if asyncio.isfuture(result) or inspect.isgenerator(result) or isinstance(result, CoroWrapper):
            result = yield from result
        elif isinstance(result, collections.abc.Awaitable):
            result = yield from result.__await__()
        return result

    return call


def _watched(made, func):
    @functools.wraps(func)
    def wrapper(*args, **named):
        return CoroWrapper(made(*args, **named), func)

    return wrapper


class CoroWrapper(collections.abc.Coroutine):
    """In debug mode, a generator that says so when it dies without having run."""

    def __init__(self, gen, func=None):
        assert inspect.isgenerator(gen), gen
        self.gen = gen
        self.func = func
        self._source_traceback = format_helpers.extract_stack()
        self.__name__ = getattr(gen, "__name__", None)
        self.__qualname__ = getattr(gen, "__qualname__", None)

    def __repr__(self):
        shown = coroutines._format_coroutine(self)
        made = self._source_traceback
        if made:
            shown += f", created at {made[-1].filename}:{made[-1].lineno}"
        return f"<{type(self).__name__} {shown}>"

    def __iter__(self):
        return self

    def __await__(self):
        return self

    def __next__(self):
        return self.gen.send(None)

    def send(self, value):
        return self.gen.send(value)

    def throw(self, *error):
        return self.gen.throw(*error)

    def close(self):
        return self.gen.close()

    @property
    def gi_frame(self):
        return self.gen.gi_frame

    @property
    def gi_running(self):
        return self.gen.gi_running

    @property
    def gi_code(self):
        return self.gen.gi_code

    @property
    def gi_yieldfrom(self):
        return self.gen.gi_yieldfrom

    def __del__(self):
        # Nothing is sure to be there when `__init__` has failed.
        generator = getattr(self, "gen", None)
        if generator is not None and inspect.getgeneratorstate(generator) == inspect.GEN_CREATED:
            logger.error("%r was never yielded from", self)
