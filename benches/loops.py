"""The event loops that are compared, by name, and what they are compared with in the TCP rows: servers without a loop."""

import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import limits


@dataclass(frozen=True)
class LoopSpec:
    """A loop factory, and what the program calls before it uses that, as "module:attribute"."""

    name: str
    factory: str
    install: str | None = None
    #: A server without a loop, which takes part in some net workloads only: "rust", or "python" with one call for each message.
    limit: str | None = None

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
        if self.limit:
            return self.name
        return f"{self.name}={self.factory}" + (f"+{self.install}" if self.install else "")

    @property
    def module(self) -> str:
        """The module that has the factory."""
        return self.factory.partition(":")[0]

    def is_installed(self) -> bool:
        """Whether the package is there, or the server was built. It is not imported."""
        if self.limit:
            return (limits.program() if self.limit == "rust" else limits.extension()) is not None
        return importlib.util.find_spec(self.module.partition(".")[0]) is not None and not self._told()

    def why_not_installed(self) -> str:
        """What is known about a package that is not there."""
        if self.limit:
            return "was not built: scripts/bench.sh does"
        return self._told() or f"{self.module} is not installed"

    def _told(self) -> str | None:
        """What scripts/bench.sh found out about the package."""
        try:
            lines = Path(sys.prefix, NOT_INSTALLABLE).read_text().splitlines()
        except OSError:
            return None
        return next((line.partition(" ")[2] for line in lines if line.partition(" ")[0] == self.module), None)

    def version(self) -> str | None:
        """The version of the distribution that has the factory; None for what comes with CPython, or is not a distribution."""
        if self.limit:
            return None
        try:
            return importlib.metadata.version(self.module.partition(".")[0])
        except importlib.metadata.PackageNotFoundError:
            return None

    def build(self) -> str | None:
        """How it was compiled, where it says so: ferrio does."""
        if self.module.partition(".")[0] != "ferrio":
            return None
        return importlib.import_module("ferrio._ferrio").__build__

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
        LoopSpec("limit", "", limit="rust"),
        LoopSpec("limit+callback", "", limit="python"),
    )
}

#: In the environment's directory: lines of a package's name and why it is of no use here, written by scripts/bench.sh.
NOT_INSTALLABLE = "not-installable.txt"

#: Those in every table; the others are compared where they are installed.
OURS = ("ferrio", "ferrio+install")
LIMITS = tuple(spec.name for spec in REGISTRY.values() if spec.limit)
DEFAULT = tuple(REGISTRY)
