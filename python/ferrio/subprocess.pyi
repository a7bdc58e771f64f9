from asyncio.subprocess import *
from asyncio.subprocess import (
    DEVNULL as DEVNULL,
    PIPE as PIPE,
    Process as Process,
    STDOUT as STDOUT,
    SubprocessStreamProtocol as SubprocessStreamProtocol,
    __all__ as __all__,
)
