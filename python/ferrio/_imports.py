"""What is done to a module once the program has imported it. Nothing is imported for that, so that nobody pays who does not.

A watch is a finder before the others on `sys.meta_path`, there as long as a module is watched. It finds nothing by itself:
it asks the finders behind it, and adds to their loader what is done after the module's code has run.
"""

import importlib
import sys

_watched: dict[str, object] = {}


def watch(name, then):
    """Call `then(module)` whenever the module of this name has been loaded; at once if it is there already.

    An import within `then` must not need this module. One that is loaded twice is given twice; also one that a finder finds
    by asking all of them.
    """
    _watched[name] = then
    if _Watch not in sys.meta_path:
        sys.meta_path = [_Watch, *sys.meta_path]
    if sys.modules.get(name) is not None:
        # Imported once more, because another thread may be in the middle of it.
        then(importlib.import_module(name))


def unwatch(name):
    """End a watch; no error if there is none."""
    _watched.pop(name, None)
    if not _watched and _Watch in sys.meta_path:
        # A new list: an import in another thread may be walking this one, and would pass over the finder behind.
        sys.meta_path = [finder for finder in sys.meta_path if finder is not _Watch]


class _Watch:
    """The finder: the class itself, as with importlib's own."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        # Runs for every import of the process.
        then = _watched.get(name)
        if then is None:
            return None
        finders = list(sys.meta_path)
        # Only those behind: one in front asks all of them, this one included.
        behind = finders[finders.index(cls) + 1 :] if cls in finders else finders
        for finder in behind:
            # One without the method is passed over, as by the interpreter.
            find_spec = getattr(finder, "find_spec", None)
            spec = None if find_spec is None else find_spec(name, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _Loader(spec.loader, then)
                return spec
        return None


class _Loader:
    """Another loader with something to do afterwards. The module shows that other one as its own."""

    def __init__(self, loader, then):
        self._loader = loader
        self._then = then

    def __getattr__(self, name):
        if name == "_loader":
            # In a copy that is being made.
            raise AttributeError(name)
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        # The watch may have ended meanwhile: in another thread, or before a module that is loaded late.
        if _watched.get(module.__name__) is self._then:
            self._then(module)
