from asyncio.streams import *
from asyncio.streams import FlowControlMixin as FlowControlMixin, __all__ as __all__
