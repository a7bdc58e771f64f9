"""The DeprecationWarning that goes with everything that is put back."""

import sys
import warnings

#: Their code only hands on what the program asked for.
_PASSED_OVER = frozenset(("asyncio", "ferrio"))


def warn(old, modern):
    """Warn that `old` is of older Pythons and that `modern` is written today, at the program's line that led here."""
    level, frame = 2, sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _PASSED_OVER:
        level, frame = level + 1, frame.f_back
    warnings.warn(f"{old} is no longer in asyncio: {modern}", DeprecationWarning, stacklevel=level)
