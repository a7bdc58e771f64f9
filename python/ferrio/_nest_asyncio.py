"""nest_asyncio and nest_asyncio2 while ferrio is installed: `apply()` is taken as `ferrio.allow_nested()`.

They find `_nest_patched` on our loops and leave those alone. What they do to asyncio stays, their `asyncio.run` first of all, which
uses one loop for all runs; but not the exchange of `asyncio.Task` and `asyncio.Future` for the ones in Python. Ours need none, and
would be instances of neither.
"""

import _asyncio
import asyncio
import functools

from ._imports import unwatch, watch

_PACKAGES = ("nest_asyncio", "nest_asyncio2")

#: Where they put the classes in Python, and under which names.
_PLACES = {
    "Task": ((asyncio, "Task"), (asyncio.tasks, "Task"), (asyncio.tasks, "_CTask")),
    "Future": ((asyncio, "Future"), (asyncio.futures, "Future"), (asyncio.futures, "_CFuture")),
}


def watch_nest_asyncio(installation):
    """From now on; also where they have been applied already."""
    if hasattr(asyncio, "_nest_patched"):
        _accept(installation)
    for name in _PACKAGES:
        watch(name, lambda package: _on_import(package, installation))


def unwatch_nest_asyncio():
    """The end of that."""
    for name in _PACKAGES:
        unwatch(name)


def _on_import(package, installation):
    patch = getattr(package, "_patch_asyncio", None)
    if not callable(patch) or hasattr(patch, "keeps_classes"):
        return

    @functools.wraps(patch)
    def _patch_asyncio(**options):
        patch(**options)
        from ._install import lock

        with lock:
            _accept(installation)

    _patch_asyncio.keeps_classes = True
    installation.replace(package, "_patch_asyncio", _patch_asyncio)


def _accept(installation):
    from ._nested import allow_lasting

    allow_lasting("process")
    for name, places in _PLACES.items():
        python, native = getattr(getattr(asyncio, f"{name.lower()}s"), f"_Py{name}"), getattr(_asyncio, name)
        for owner, attribute in places:
            if getattr(owner, attribute, None) is python:
                installation.replace(owner, attribute, native)
