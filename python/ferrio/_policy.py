"""`ferrio.EventLoopPolicy`. Imported when somebody asks for it: CPython 3.14 deprecates policies, 3.16 has none."""

import asyncio

from ._loop import Loop, new_event_loop

# 3.14 keeps the class under a private name and warns about the public one.
_Default = getattr(asyncio.unix_events, "_DefaultEventLoopPolicy", None) or asyncio.unix_events.DefaultEventLoopPolicy


class EventLoopPolicy(_Default):
    """asyncio's default policy, with ferrio's loops."""

    __module__ = "ferrio"
    _loop_factory = Loop

    def new_event_loop(self):
        """A new `ferrio.Loop`."""
        return new_event_loop()
