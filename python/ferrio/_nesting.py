"""Who may be run inside a running loop: what a loop of ours answers. The rest is in `_nested.py`."""

import asyncio
import threading
import warnings

#: How often nested run is allowed for the whole process now.
process = 0


class Nesting:
    """What a loop of ours knows about runs inside its run."""

    __slots__ = ()

    @property
    def _nest_patched(self):
        """There, and true, while a run inside this loop's run is allowed; else an AttributeError.

        It is the name by which nest_asyncio and nest_asyncio2 know loops that need no patch. They set the same one in asyncio:
        that is a permission for all loops.
        """
        if self._allows_nested or process or hasattr(asyncio, "_nest_patched"):
            return True
        raise AttributeError("_nest_patched")

    def _refuse_to_close(self):
        """Is this the program's `loop.close()` inside a run that it does not know of? Then it is told, and nothing else done."""
        if self._thread_id != threading.get_ident() or not hasattr(self, "_nest_patched"):
            return False
        warnings.warn(f"{self!r} is running: close() inside a run does nothing", RuntimeWarning, stacklevel=3)
        return True


def nestable_loop():
    """The running loop of this thread, ours or not, if another run inside its run is allowed; else None."""
    loop = asyncio._get_running_loop()
    return loop if getattr(loop, "_nest_patched", False) else None
