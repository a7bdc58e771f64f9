"""A task in pure Python that awaits a future leaves its call graph as it is: graphs are made of native tasks and futures.

Found in review: ferrio noted such a task among those who await its future, which asyncio's own future does not, and
`capture_call_graph` failed with "object does not appear to be compatible with asyncio.Future".
"""

import asyncio
import sys

import pytest


@pytest.mark.skipif(sys.version_info < (3, 14), reason="new in 3.14")
def test_a_task_in_pure_python_is_not_in_graphs(run):
    async def waits(future):
        await future

    async def main():
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        task = asyncio.create_task(waits(future))
        other = asyncio.tasks._PyTask(waits(future), loop=loop)
        await asyncio.sleep(0)
        graph = asyncio.capture_call_graph(future)
        assert [parent.future for parent in graph.awaited_by] == [task]
        future.set_result(None)
        await asyncio.wait([task])
        await other

    run(main())
