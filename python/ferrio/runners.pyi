from asyncio.runners import Runner as Runner, __all__ as __all__

from ._run import run as run
