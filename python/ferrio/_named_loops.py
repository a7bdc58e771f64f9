"""`asyncio.SelectorEventLoop` and `asyncio.EventLoop` while ferrio is installed: uvicorn and others ask for asyncio's loop so.

Called without a selector the name gives ferrio's loop. A program that brings a selector of its own gets asyncio's loop, and a
class derived from the name is derived from asyncio's.
"""

import abc
import asyncio
import copyreg

from ._loop import Loop, new_event_loop

_stock = asyncio.SelectorEventLoop


# An ABCMeta, so that a class may be derived from the name and from an abstract class, as from asyncio's; and of the kind of the class
# that stands there: somebody else may have put one with a metaclass there before us.
class _Named(abc.ABCMeta, *(() if issubclass(abc.ABCMeta, type(_stock)) else (type(_stock),))):
    def __call__(cls, *arguments, **named):
        if cls is not SelectorEventLoop:
            return super().__call__(*arguments, **named)
        given = (*arguments, *named.values())
        # What asyncio's class would refuse is left to it.
        asks_for_none = len(given) < 2 and named.keys() <= {"selector"} and all(selector is None for selector in given)
        return new_event_loop() if asks_for_none else _stock(*arguments, **named)

    def __instancecheck__(cls, instance):
        return isinstance(instance, (_stock, Loop)) if cls is SelectorEventLoop else super().__instancecheck__(instance)

    def __subclasscheck__(cls, subclass):
        return issubclass(subclass, (_stock, Loop)) if cls is SelectorEventLoop else super().__subclasscheck__(subclass)


class SelectorEventLoop(_stock, metaclass=_Named):
    __doc__ = _stock.__doc__
    __module__ = _stock.__module__
    __qualname__ = _stock.__qualname__


# By the name it stands under: the qualified one is that of asyncio's class.
copyreg.pickle(_Named, lambda cls: "SelectorEventLoop" if cls is SelectorEventLoop else cls.__qualname__)
