"""What a program that dies of an uncaught exception is told about options of ``python -m ferrio`` that make it run."""

from . import _options

#: The beginnings of what asyncio says where a loop is run inside a running one.
_NESTED_RUN = (
    "This event loop is already running",
    "Cannot run the event loop while another loop is running",
    "asyncio.run() cannot be called from a running event loop",
    "Runner.run() cannot be called from a running event loop",
)


def hint_for(exception: BaseException) -> str | None:
    """One more line for the exception's report, or None."""
    if type(exception) is RuntimeError and str(exception) in _NESTED_RUN and "--nested" not in (_options.given or ()):
        return "python -m ferrio --nested … makes this program run: it lets a loop be run inside its own run"
    return None
