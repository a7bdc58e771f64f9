from asyncio.coroutines import *
from asyncio.coroutines import __all__ as __all__
