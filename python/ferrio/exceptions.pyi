from asyncio.exceptions import *
from asyncio.exceptions import __all__ as __all__
