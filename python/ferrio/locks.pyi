from asyncio.locks import *
from asyncio.locks import __all__ as __all__
