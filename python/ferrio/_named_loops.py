"""`asyncio.SelectorEventLoop` and `asyncio.EventLoop` while ferrio is installed: uvicorn and others ask for asyncio's loop so.

Called without a selector the name gives ferrio's loop. A program that brings a selector of its own gets asyncio's loop, and a
class derived from the name is derived from asyncio's.
"""

import asyncio

from ._loop import Loop, new_event_loop

_stock = asyncio.SelectorEventLoop


class _Named(type):
    def __call__(cls, *arguments, **named):
        if cls is not SelectorEventLoop:
            return super().__call__(*arguments, **named)
        asks_for_one = any(selector is not None for selector in (*arguments, *named.values()))
        return _stock(*arguments, **named) if asks_for_one else new_event_loop()

    def __instancecheck__(cls, instance):
        return isinstance(instance, (_stock, Loop)) if cls is SelectorEventLoop else super().__instancecheck__(instance)

    def __subclasscheck__(cls, subclass):
        return issubclass(subclass, (_stock, Loop)) if cls is SelectorEventLoop else super().__subclasscheck__(subclass)


class SelectorEventLoop(_stock, metaclass=_Named):
    __doc__ = _stock.__doc__
    __module__ = _stock.__module__
    __qualname__ = _stock.__qualname__
