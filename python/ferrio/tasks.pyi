from asyncio.tasks import *
from asyncio.tasks import __all__ as __all__
