import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

__all__ = ("run",)

_T = TypeVar("_T")

if sys.version_info >= (3, 14):
    # A coroutine before 3.14, any awaitable since.
    def run(
        main: Awaitable[_T],
        *,
        debug: bool | None = None,
        loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
    ) -> _T: ...

else:
    def run(
        main: Coroutine[Any, Any, _T],
        *,
        debug: bool | None = None,
        loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
    ) -> _T: ...
