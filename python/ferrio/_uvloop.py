"""uvloop by name, in a process that ``python -m ferrio`` started: the program keeps it and is told, or gets ferrio instead.

Every way to a loop of uvloop's (`run`, `install`, `new_event_loop`, `EventLoopPolicy`) ends in a call of the name `Loop` of
the module ``uvloop``: so it is from uvloop 0.17, the first for CPython 3.11, to 0.23. Only that name is touched, and only
when the program imports uvloop.
"""

import sys

from ._imports import watch
from ._loop import Loop

_LINE = "ferrio: this program asks for uvloop by name and gets it; python -m ferrio --override gives it ferrio\n"

#: Whether uvloop's names give ferrio.
_override = False

#: The line, until it is told. Taking it out is atomic: two threads that make the first loops tell once.
_untold = [_LINE]


def watch_uvloop(override):
    """From now on the program's uvloop is told about, or overridden."""
    global _override
    _override = override
    watch("uvloop", _on_import)


def _on_import(uvloop):
    # A program may have a module of this name that is something else.
    if "uvloop.loop" not in sys.modules or not isinstance(getattr(uvloop, "Loop", None), type):
        return
    if _override:
        uvloop.Loop = uvloop.loop.Loop = Loop
    else:
        _tell_at_the_first_loop(uvloop.Loop)


def _tell_at_the_first_loop(loop_class):
    """Write the line when uvloop is used, which importing it is not: many programs import it to see whether it is there."""
    initialize = loop_class.__init__

    def __init__(loop, *arguments, **named):
        _tell()
        initialize(loop, *arguments, **named)

    loop_class.__init__ = __init__


def _tell():
    try:
        line = _untold.pop()
    except IndexError:
        return
    if sys.stderr is not None:
        sys.stderr.write(line)
