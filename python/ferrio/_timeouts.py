"""`ferrio.Timeout`: the native one, of asyncio's class."""

import asyncio

from . import _ferrio

__all__ = ("Timeout",)


class Timeout(_ferrio.Timeout, asyncio.Timeout):
    """Asynchronous context manager that cancels the task which has entered it when its time is over, as `asyncio.Timeout`.

    `when` is a time of the loop's clock (`loop.time()`, in seconds) or None. Made by `timeout()` and `timeout_at()`.
    """
