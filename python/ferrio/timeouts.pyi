from asyncio.timeouts import *
from asyncio.timeouts import __all__ as __all__
