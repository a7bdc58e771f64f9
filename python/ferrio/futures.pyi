from asyncio.futures import *
from asyncio.futures import __all__ as __all__
