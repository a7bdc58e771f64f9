"""Tasks that wait for tasks that wait for tasks.

Found in review with a chain of 100,000: ferrio passed the cancellation on by recursion in native
code, which has no limit, and the stack overflowed.
"""

import asyncio

import pytest


def test_cancelling_the_last_of_100_000(script, flavour):
    """Stock refuses with a RecursionError. ferrio may do better; neither may crash."""
    done = script(
        """
        async def wait_for(other):
            await other

        async def main():
            loop = asyncio.get_running_loop()
            # In debug mode a pause of the collector is a slow step, to be described with its chain.
            loop.slow_callback_duration = 1e9
            last = future = loop.create_future()
            for _ in range(100_000):
                last = loop.create_task(wait_for(last))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            try:
                print(last.cancel("stop"))
            except RecursionError:
                print("RecursionError")
            else:
                print(future.cancelled())
            future.cancel()
            await asyncio.wait([last])
            print(last.cancelled())

        run(main())
        """
    )
    lines = done.stdout.split()
    if flavour.name == "ferrio":
        assert lines == ["True", "True", "True"]
    else:
        assert lines in (["RecursionError", "True"], ["True", "True", "True"])


@pytest.mark.parametrize("end", ["future", "sleep", "refuses"])
def test_everybody_in_the_chain_is_told(run, end):
    """The chain is gone down by a loop now; what each is told is as before."""
    told = []

    async def waits(number, other):
        try:
            await other
        except asyncio.CancelledError as error:
            told.append((number, error.args, asyncio.current_task().cancelling()))
            raise

    async def refuses():
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError as error:
            told.append(("refused", error.args, asyncio.current_task().cancelling()))

    async def main():
        loop = asyncio.get_running_loop()
        if end == "future":
            last = loop.create_future()
        else:
            last = asyncio.sleep(1000) if end == "sleep" else loop.create_task(refuses())
        tasks = []
        for number in range(5):
            last = loop.create_task(waits(number, last))
            tasks.append(last)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert last.cancel("stop") is True
        assert [task.cancelling() for task in tasks] == [1] * 5
        await asyncio.wait([last])
        return [task.cancelled() for task in tasks]

    cancelled = run(main())
    if end == "refuses":
        assert told == [("refused", ("stop",), 1)]
        assert cancelled == [False] * 5
    else:
        assert [(number, count) for number, _, count in told] == [(n, 1) for n in range(5)]
        assert told[0][1] == ("stop",)
        assert cancelled == [True] * 5


def test_a_chain_whose_end_is_done_already(run):
    """The last of the chain has finished, but the one that waits has not yet been woken."""

    async def waits(other):
        return await other

    async def main():
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        inner = loop.create_task(waits(future))
        outer = loop.create_task(waits(inner))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        future.set_result("late")
        assert outer.cancel("stop") is True
        assert (inner.cancelling(), outer.cancelling()) == (1, 1)
        await asyncio.wait([outer])
        return inner.cancelled(), outer.cancelled()

    assert run(main()) == (True, True)
