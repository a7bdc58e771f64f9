"""`ferrio.Timeout`: the native one, of asyncio's class."""

import asyncio

from . import _ferrio

__all__ = ("Timeout",)


class Timeout(_ferrio.Timeout, asyncio.Timeout):
    __module__ = "ferrio"
    __doc__ = asyncio.Timeout.__doc__
