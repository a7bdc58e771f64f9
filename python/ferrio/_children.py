"""Children of multiprocessing inherit ferrio. Imported when the program has imported multiprocessing.

A forked child has what its parent has. For spawn and forkserver multiprocessing starts ``python -c "from multiprocessing…"``
through one function, `multiprocessing.util.spawnv_passfds`: the code gets a statement in front that installs ferrio, before
the child or the fork server imports the program's main module. See docs/decisions/0005-children-of-multiprocessing.md.
"""

import os
import sys

from . import _options
from ._install import install

#: How the code begins with which multiprocessing starts a child or a fork server; the resource tracker is not among them.
_STARTS = ("from multiprocessing.spawn import ", "from multiprocessing.forkserver import ")

# Run with exec, which leaves no names behind in the child's __main__, on a line of its own, as tracebacks show the other one.
# The path: what was found in the parent's working directory may be elsewhere now, and what lies in the child's must not
# stand in for a module of the stdlib. No ferrio: multiprocessing.set_executable named an interpreter that has none.
_INHERIT = """\
import sys
path = sys.path
sys.path = [*filter(None, path), {root!r}]
try:
    from ferrio._children import inherit
except ImportError:
    pass
else:
    inherit({options!r}, legacy={legacy!r})
finally:
    sys.path = path
"""


def passing_ferrio_on(spawn):
    """multiprocessing's function that starts an interpreter, with ferrio in what it starts."""

    def spawnv_passfds(path, args, passfds):
        return spawn(path, _with_ferrio(list(args)), passfds)

    spawnv_passfds.passes_ferrio_on = True
    return spawnv_passfds


def passes_ferrio_on(spawn):
    """Is it what `passing_ferrio_on` has made?"""
    return hasattr(spawn, "passes_ferrio_on")


def _with_ferrio(arguments):
    # From 1 on: the interpreter's path is bytes, and to compare those with text is a warning under -b.
    if "-c" in arguments[1:-1]:
        code = arguments.index("-c", 1) + 1
        if any(start in arguments[code] for start in _STARTS):
            root = os.path.dirname(os.path.dirname(__file__))
            inheriting = _INHERIT.format(root=root, options=_options.given, legacy=_has_legacy())
            arguments[code] = f"exec({inheriting!r}, {{}})\n{arguments[code]}"
    return arguments


def _has_legacy():
    # Not imported for this: it is much code.
    legacy = sys.modules.get("ferrio.legacy")
    return legacy is not None and legacy.is_installed()


def inherit(options, legacy):
    """What a child does first: be as its parent, which was given these options of ``python -m ferrio`` or (None) has no such.

    `legacy`: the parent has `ferrio.legacy`, by the option or by itself.
    """
    if options is None:
        install()
    else:
        _options.apply(options)
    if legacy and "--legacy" not in (options or ()):
        from .legacy import install as install_legacy

        install_legacy()
