"""Child watchers, which asyncio had until 3.13: programs set them, and wait for children of their own through them."""

import asyncio
import subprocess
import sys
import threading
import warnings

import pytest

pytestmark = [
    pytest.mark.skipif(sys.version_info >= (3, 14), reason="removed in 3.14"),
    pytest.mark.filterwarnings("ignore:.*hild.*atcher:DeprecationWarning"),
]

WATCHERS = [
    "SafeChildWatcher",
    "FastChildWatcher",
    "MultiLoopChildWatcher",
    "ThreadedChildWatcher",
    "PidfdChildWatcher",
]


@pytest.fixture(params=WATCHERS)
def watcher(request):
    """A watcher that the program has set; the policy has its own again afterwards."""
    watcher = getattr(asyncio, request.param)()
    asyncio.set_child_watcher(watcher)
    yield watcher
    watcher.close()
    asyncio.set_child_watcher(None)


async def status_told_by(watcher, command):
    """Start a child past asyncio; what the watcher's callback gets."""
    told = asyncio.get_running_loop().create_future()

    def callback(pid, status, *args):
        told.get_loop().call_soon_threadsafe(told.set_result, (pid, status, args))

    with watcher:
        child = subprocess.Popen(["sh", "-c", command])
        watcher.add_child_handler(child.pid, callback, "an argument")
    pid, status, args = await told
    assert pid == child.pid and args == ("an argument",)
    child.returncode = status  # waited for: nothing to warn of
    return status


def test_a_watcher_waits_for_children_of_the_program(run, watcher):
    async def main():
        watcher.attach_loop(asyncio.get_running_loop())
        assert await status_told_by(watcher, "exit 7") == 7
        assert await status_told_by(watcher, "kill -9 $$") == -9
        # Detached before the loop is closed, as the documentation asks.
        watcher.attach_loop(None)

    run(main())


def test_children_of_the_loop_end_beside_any_watcher(run, watcher):
    async def main():
        watcher.attach_loop(asyncio.get_running_loop())
        own = status_told_by(watcher, "exit 3")
        process = await asyncio.create_subprocess_exec("sh", "-c", "exit 7")
        assert await asyncio.gather(process.wait(), own) == [7, 3]
        watcher.attach_loop(None)

    run(main())


def test_the_default_watcher(run):
    async def main():
        watcher = asyncio.get_child_watcher()
        assert watcher.is_active()
        return await status_told_by(watcher, "exit 5")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert run(main()) == 5


def test_children_end_in_a_thread_without_a_watcher_of_its_own(run):
    async def main():
        process = await asyncio.create_subprocess_exec("sh", "-c", "exit 6")
        return await process.wait()

    ended = []
    thread = threading.Thread(target=lambda: ended.append(run(main())))
    thread.start()
    thread.join()
    assert ended == [6]
