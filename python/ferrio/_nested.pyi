import asyncio
from contextlib import AbstractContextManager

__all__ = ("allow_nested", "nested")

def allow_nested(loop: asyncio.AbstractEventLoop | None = None) -> None: ...
def nested() -> AbstractContextManager[None]: ...
