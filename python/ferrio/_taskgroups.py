"""`ferrio.TaskGroup`: asyncio's, which follows its tasks natively."""

import asyncio

from . import _ferrio

__all__ = ("TaskGroup",)


class TaskGroup(_ferrio.TaskGroup, asyncio.TaskGroup):
    __module__ = "ferrio"
    __doc__ = asyncio.TaskGroup.__doc__
