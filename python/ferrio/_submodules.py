"""`ferrio.subprocess`, `ferrio.exceptions` …: asyncio's submodules under ferrio's name.

Each is a module of its own that hands on to asyncio's: ``import ferrio.subprocess``, ``from ferrio.subprocess import PIPE``
and ``ferrio.subprocess.PIPE`` all work, a name is native where ferrio has it (`ferrio.tasks.Task`), and setting an attribute
changes nothing in asyncio.
"""

import functools
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType


def add_submodules(package: dict[str, object], native: dict[str, object]) -> None:
    """Put one module for each submodule of asyncio that is imported into `sys.modules` and into the package's names.

    `native` are ferrio's own objects; each replaces the public name of the same spelling wherever a submodule has it.
    A name that the package has already stays.
    """
    for name, source in list(sys.modules.items()):
        parent, _, submodule = name.rpartition(".")
        if parent != "asyncio" or submodule.startswith("__") or submodule in package or source is None:
            continue
        ours = _stand_in(f"ferrio.{submodule}", source, native)
        sys.modules[ours.__name__] = ours
        package.setdefault(submodule, ours)


def _stand_in(name: str, source: ModuleType, native: dict[str, object]) -> ModuleType:
    module = ModuleType(name, source.__doc__)
    module.__package__ = "ferrio"
    module.__spec__ = ModuleSpec(name, None, origin=f"stands for {source.__name__}")
    public = getattr(source, "__all__", None)
    if public is None:
        public = [each for each in vars(source) if not each.startswith("_")]
    module.__all__ = public
    vars(module).update((each, native[each]) for each in public if each in native)
    module.__getattr__ = functools.partial(getattr, source)
    module.__dir__ = functools.partial(dir, source)
    return module
