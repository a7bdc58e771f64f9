"""The event loops that are compared, by name."""

import importlib
import importlib.metadata
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class LoopSpec:
    """A loop factory, and what the program calls before it uses that, as "module:attribute"."""

    name: str
    factory: str
    install: str | None = None

    @classmethod
    def parse(cls, text: str) -> "LoopSpec":
        """A registered name, or "name=module:factory" or "name=module:factory+module:install".

        Raises ValueError for anything else.
        """
        name, has_definition, definition = text.partition("=")
        if not has_definition:
            if text not in REGISTRY:
                raise ValueError(f"unknown loop {text!r}: one of {', '.join(REGISTRY)}, or name=module:factory[+module:install]")
            return REGISTRY[text]
        factory, _, install = definition.partition("+")
        for reference in (factory, install):
            module, colon, attribute = reference.partition(":")
            if reference and not (module and colon and attribute.isidentifier()):
                raise ValueError(f"{reference!r} in {text!r} is not of the form module:attribute")
        if not (name and factory):
            raise ValueError(f"{text!r} is not of the form name=module:factory[+module:install]")
        return cls(name, factory, install or None)

    def __str__(self) -> str:
        """The long form, which `parse` reads."""
        return f"{self.name}={self.factory}" + (f"+{self.install}" if self.install else "")

    @property
    def module(self) -> str:
        """The module that has the factory."""
        return self.factory.partition(":")[0]

    def is_installed(self) -> bool:
        """Whether the package is there. It is not imported."""
        return importlib.util.find_spec(self.module.partition(".")[0]) is not None

    def version(self) -> str | None:
        """The version of the distribution that has the factory; None for what comes with CPython, or is not a distribution."""
        try:
            return importlib.metadata.version(self.module.partition(".")[0])
        except importlib.metadata.PackageNotFoundError:
            return None

    def load(self) -> Callable:
        """Call `install`, if there is one, and return the factory. For the cell's own process."""
        if self.install:
            _resolve(self.install)()
        return _resolve(self.factory)


def _resolve(reference: str):
    module, _, attribute = reference.partition(":")
    return getattr(importlib.import_module(module), attribute)


REGISTRY = {
    spec.name: spec
    for spec in (
        LoopSpec("asyncio", "asyncio:new_event_loop"),
        LoopSpec("uvloop", "uvloop:new_event_loop"),
        LoopSpec("ferrio", "ferrio:new_event_loop"),
        LoopSpec("ferrio+install", "ferrio:new_event_loop", "ferrio:install"),
        LoopSpec("rloop", "rloop:new_event_loop"),
        LoopSpec("rsloop", "rsloop:new_event_loop"),
        LoopSpec("blazio", "blazio:new_event_loop"),
        LoopSpec("talyn", "talyn:Loop"),
        LoopSpec("zloop", "zloop:new_event_loop"),
        LoopSpec("zuvloop", "zuvloop:new_event_loop"),
    )
}

DEFAULT = ("asyncio", "uvloop", "ferrio", "ferrio+install")
