from asyncio.threads import *
from asyncio.threads import __all__ as __all__
