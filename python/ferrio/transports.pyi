from asyncio.transports import *
from asyncio.transports import __all__ as __all__
