"""The task that was run can be told by its done callback, which is asyncio's own.

Found with anyio: it looks for `asyncio.base_events._run_until_complete_cb` among the callbacks of all tasks to find the root
task, whose end stops worker threads and kills pools of processes. On ferrio it took whichever task asked first for the root.
"""

import asyncio
from asyncio.base_events import _run_until_complete_cb


def test_the_root_task_has_the_callback_and_others_have_not(run):
    async def tell():
        return [callback for callback, _context in asyncio.current_task()._callbacks or ()]

    async def main():
        assert await tell() == [_run_until_complete_cb]
        assert _run_until_complete_cb not in await asyncio.create_task(tell())

    run(main())


def test_the_callback_is_taken_back_when_the_run_ends_early(loop):
    future = loop.create_future()
    loop.call_soon(loop.stop)
    try:
        loop.run_until_complete(future)
    except RuntimeError as error:
        assert str(error) == "Event loop stopped before Future completed."
    assert not future._callbacks
