from asyncio.unix_events import *
from asyncio.unix_events import __all__ as __all__
