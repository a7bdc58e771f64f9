"""The options of ``python -m ferrio``, as this process has them and its children of multiprocessing inherit them."""

from ._install import install
from ._nested import allow_nested
from ._uvloop import watch_uvloop

OPTIONS = ("--legacy", "--nested", "--override")

#: Those given, sorted; None: ``python -m ferrio`` has not started this process.
given: list[str] | None = None


def apply(options):
    """Install ferrio as these options say."""
    global given
    given = sorted(options)
    install()
    if "--nested" in options:
        allow_nested()
    watch_uvloop("--override" in options)
    if "--legacy" in options:
        from . import legacy

        legacy.install()
