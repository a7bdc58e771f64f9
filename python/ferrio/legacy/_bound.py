"""Locks and queues with the ``loop=`` of 3.9, which binds them to that loop; ``with (yield from lock)`` of 3.8.

The methods of asyncio's own classes are replaced, so that classes derived from them, whenever, have it too. Those classes, not the
native ones made of them, are in place meanwhile: programs of that time reach into them.
"""

import asyncio
from asyncio import locks, mixins

from .. import _sync
from .._install import holders, own_holders
from ._shown import shown_as
from ._warn import warn

#: asyncio's own classes, of which ours are made.
STOCK = {name: getattr(_sync, name).__bases__[-1] for name in _sync.__all__}

#: Those whose `__init__` had the argument; PriorityQueue and LifoQueue inherit it, and there was no Barrier.
CLASSES = tuple(stock for name, stock in STOCK.items() if name not in ("Barrier", "PriorityQueue", "LifoQueue"))

#: What the object makes for itself and has to be on the same loop.
_PARTS = {STOCK["Condition"]: "_lock", STOCK["Queue"]: "_finished"}


def put_back(installation):
    """The classes, and in them."""
    for name, stock in STOCK.items():
        for owner in (*holders(name), *own_holders(name)):
            installation.replace(owner, name, stock)
    for each in CLASSES:
        installation.replace(each, "__init__", _taking_loop(each))
    mixin = mixins._LoopBoundMixin
    installation.replace(mixin, "_get_loop", _getting_loop(mixin._get_loop))
    installation.replace(mixin, "_loop", _CurrentLoop())
    for name in ("__iter__", "__await__"):
        installation.replace(locks._ContextManagerMixin, name, _held)


def _taking_loop(owner):
    stock, part = owner.__init__, _PARTS.get(owner)

    @shown_as(stock)
    def __init__(self, *args, loop=None, **named):
        if loop is None:
            stock(self, *args, **named)
            return
        warn(f"the argument loop of asyncio.{owner.__name__}()", "leave it out, the object is bound to the loop that uses it")
        if owner is STOCK["Condition"]:
            _check_lock(loop, *args, **named)
        # First: a derived queue's `_init` may ask for it.
        self._loop = loop
        stock(self, *args, **named)
        if part is not None:
            vars(getattr(self, part))["_loop"] = loop

    return __init__


def _check_lock(loop, lock=None):
    if lock is not None and vars(lock).get("_loop") not in (None, loop):
        raise ValueError("loop argument must agree with lock")


class _CurrentLoop:
    """`_loop` of an object that no loop has used yet: classes derived from queues and locks asked it to make futures."""

    def __get__(self, instance, owner):
        return self if instance is None else asyncio.get_event_loop()


def _getting_loop(stock):
    @shown_as(stock)
    def _get_loop(self):
        # Asks `_loop` itself, where None means: not bound yet.
        vars(self).setdefault("_loop", None)
        return stock(self)

    return _get_loop


def _held(self):
    """``with (yield from lock)`` and ``with (await lock)``: acquires, and gives what releases at the block's end."""
    warn("with (yield from lock)", "write async with lock")
    yield from self.acquire().__await__()
    return _Held(self)


class _Held:
    __slots__ = ("_lock",)

    def __init__(self, lock):
        self._lock = lock

    def __enter__(self):
        return None

    def __exit__(self, *error):
        self._lock.release()
