"""``%load_ext ferrio``: ferrio in a session of IPython that was started without it.

In a terminal no loop runs at the prompt. From then on the prompt, cells with ``await`` and every loop that a cell makes are
ferrio's. In a stock Jupyter kernel the loop runs already and stays asyncio's; cells may run it nested, and one line says so.
Imported when somebody loads the extension, and imports of IPython only what the session has imported long ago.
"""

import asyncio

from ._install import install, uninstall
from ._loop import Loop
from ._nested import allow_nested

_HOW_TO_GET_IT = (
    "For a kernel on ferrio: python -m ferrio.kernel install --user, then choose 'Python 3 (ferrio)' as the notebook's kernel."
)

#: The loop for cells with await that is not in use: IPython's own while the extension is loaded, then ours. None: not made yet.
_put_aside: asyncio.AbstractEventLoop | None = None

#: Whether the two have changed places.
_exchanged = False


def load_ipython_extension(shell):
    """What ``%load_ext ferrio`` calls. IPython calls it once, or again after `unload_ipython_extension`."""
    # Asked first: what is installed begins without a current loop.
    loop = _loop_of(shell)
    install()
    if loop is None:
        _exchange_loops()
        allow_nested()
    elif isinstance(loop, Loop):
        allow_nested(loop)
    else:
        asyncio.set_event_loop(loop)
        print(f"ferrio: {_allowed_on(loop)} {_HOW_TO_GET_IT}")


def unload_ipython_extension(shell):
    """What ``%unload_ext ferrio`` calls: new loops are asyncio's again. Loops that may run nested may go on to."""
    if _exchanged:
        _exchange_loops()
    uninstall()


def _loop_of(shell):
    """The loop that the session runs on; None if it has none."""
    running = asyncio._get_running_loop()
    if running is not None or not hasattr(shell, "kernel"):
        return running
    # Extensions of a kernel's configuration are loaded before it runs; ipykernel 6 has made its loop by then, 7 has not.
    policy = getattr(asyncio.events, "_event_loop_policy", None)
    return getattr(getattr(policy, "_local", None), "_loop", None)


def _exchange_loops():
    """Between cells with await IPython keeps their loop, and makes one where it has none."""
    global _put_aside, _exchanged
    from IPython.core import async_helpers

    async_helpers._asyncio_event_loop, _put_aside = _put_aside, async_helpers._asyncio_event_loop
    _exchanged = not _exchanged


def _allowed_on(loop):
    kind = f"{type(loop).__module__}.{type(loop).__qualname__}"
    try:
        allow_nested(loop)
    except RuntimeError as error:
        return f"this session has its loop already, so it stays {kind}, and cannot run nested: {error}."
    return f"this session has its loop already, so it stays {kind}; run_until_complete and asyncio.run now work in its cells."
