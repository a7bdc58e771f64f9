from asyncio.base_events import *
from asyncio.base_events import __all__ as __all__
