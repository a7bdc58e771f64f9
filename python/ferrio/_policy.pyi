import sys

from ._loop import Loop

if sys.version_info < (3, 16):
    if sys.version_info >= (3, 14):
        from asyncio.unix_events import _DefaultEventLoopPolicy as _Default
    else:
        from asyncio.unix_events import DefaultEventLoopPolicy as _Default

    class EventLoopPolicy(_Default):
        """asyncio's default policy, with ferrio's loops."""

        def new_event_loop(self) -> Loop: ...
