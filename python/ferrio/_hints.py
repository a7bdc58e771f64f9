"""The line after the traceback of a program that has ended with an error which an option of ``python -m ferrio`` avoids."""

_LEGACY = "ferrio: this program is written for an older Python, and runs with python -m ferrio --legacy …\n"
_NESTED = "ferrio: this program runs a loop inside its own run, which it may with python -m ferrio --nested …\n"

#: What asyncio says where a loop is run inside a running one.
_RUNS_ALREADY = (
    "This event loop is already running",
    "Cannot run the event loop while another loop is running",
    "asyncio.run() cannot be called from a running event loop",
    "Runner.run() cannot be called from a running event loop",
)


def line_for(exception: BaseException, given: list[str]) -> str | None:
    """The line to write, or None. `given` are the options that the program was started with."""
    if "--nested" not in given and type(exception) is RuntimeError and str(exception) in _RUNS_ALREADY:
        return _NESTED
    if "--legacy" not in given:
        from .legacy import _cured

        if _cured.is_cured(exception):
            return _LEGACY
    return None
