"""isinstance, isfuture, current_task and all_tasks answer right in whatever order the modules were
imported."""

import pytest

QUESTIONS = """
async def child():
    return current_task()

async def main():
    loop = asyncio.get_running_loop()
    task, future = loop.create_task(child()), loop.create_future()
    for T in (EarlyTask, asyncio.Task, asyncio.tasks.Task):
        assert isinstance(task, T), T
    for F in (EarlyFuture, asyncio.Future, asyncio.futures.Future):
        assert isinstance(task, F) and isinstance(future, F), F
        assert not isinstance(3, F)
    assert not isinstance(future, EarlyTask)
    for isf in (isfuture, asyncio.isfuture, asyncio.futures.isfuture):
        assert isf(task) and isf(future) and not isf(3)
    for current in (current_task, asyncio.current_task, asyncio.tasks.current_task):
        assert current().get_coro().__name__ == "main"
    for every in (all_tasks, asyncio.all_tasks, asyncio.tasks.all_tasks):
        assert every() == {task, current_task()}, every()
    assert await task is task
    stdlib = EarlyTask(child(), loop=loop)
    assert stdlib in all_tasks()
    assert await stdlib is stdlib
    for every in (all_tasks, asyncio.all_tasks):
        assert every() == {current_task()}
    future.cancel()
    print("right")
"""

EARLY = """
from asyncio import Task as EarlyTask, Future as EarlyFuture, current_task, all_tasks, isfuture
"""

ORDERS = {
    "asyncio first": "import asyncio" + EARLY + "import {module}\n",
    "asyncio last": "import {module}\nimport asyncio" + EARLY,
    "asyncio in use first": "import asyncio"
    + EARLY
    + "asyncio.run(asyncio.sleep(0))\nleft = asyncio.new_event_loop()\nleft.close()\nimport {module}\n",
    "only submodules first": "import asyncio.events\nimport {module}\nimport asyncio" + EARLY,
}


@pytest.mark.parametrize("order", ORDERS)
def test_the_answers_are_right(flavour, tmp_path, order):
    import subprocess
    import sys

    path = tmp_path / "program.py"
    run = f"with asyncio.Runner(loop_factory={flavour.name}.new_event_loop) as runner:\n    runner.run(main())\n"
    path.write_text(ORDERS[order].format(module=flavour.name) + QUESTIONS + run)
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, cwd=tmp_path)
    assert (done.stdout, done.stderr, done.returncode) == ("right\n", "", 0)


def test_a_library_that_copied_the_hooks_early(flavour, tmp_path):
    """Libraries with tasks of their own keep _enter_task and _leave_task as they found them."""
    import subprocess
    import sys

    path = tmp_path / "program.py"
    path.write_text(
        f"""
from asyncio.tasks import _enter_task, _leave_task, _register_task, _unregister_task, current_task, all_tasks
import asyncio, {flavour.name} as module

class Foreign:
    def __init__(self, loop): self._loop = loop
    def done(self): return False
    def get_loop(self): return self._loop

async def main():
    loop = asyncio.get_running_loop()
    mine = current_task()
    foreign = Foreign(loop)
    _register_task(foreign)
    assert all_tasks() == {{mine, foreign}}
    seen = []
    def step():
        _enter_task(loop, foreign)
        seen.append((current_task(), asyncio.current_task()))
        _leave_task(loop, foreign)
        seen.append((current_task(), asyncio.current_task()))
    loop.call_soon(step)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert seen == [(foreign, foreign), (None, None)], seen
    _unregister_task(foreign)
    assert all_tasks() == {{mine}}
    assert current_task() is mine
    print("right")

with asyncio.Runner(loop_factory=module.new_event_loop) as runner:
    runner.run(main())
"""
    )
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, cwd=tmp_path)
    assert (done.stdout, done.stderr, done.returncode) == ("right\n", "", 0)
