"""What ``import ferrio`` gives: asyncio's names, its submodules, and `install` that can be taken back."""

import asyncio
import inspect
import selectors
import subprocess
import sys
import threading
import warnings

import pytest

import ferrio


async def loop_class():
    return type(asyncio.get_running_loop())


def snapshot():
    """Every name of asyncio and its submodules."""
    modules = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "asyncio"}
    return {
        (name, attribute): value
        for name, module in modules.items()
        for attribute, value in vars(module).items()
    }


def test_it_has_every_public_name_of_asyncio():
    assert set(asyncio.__all__) <= set(ferrio.__all__)
    for name in ferrio.__all__:
        assert name in dir(ferrio)
        mine = getattr(ferrio, name)
        if name not in ("Future", "Task", "run", "new_event_loop", *ferrio._install.NATIVE):
            assert mine is getattr(asyncio, name, mine)


def test_star_import_gives_all_of_it():
    names = {}
    exec("from ferrio import *", names)
    assert set(ferrio.__all__) <= set(names)
    assert names["Task"] is ferrio.Task


def test_submodules_are_there_under_ferrios_name():
    import ferrio.exceptions
    import ferrio.queues as queues
    from ferrio.subprocess import PIPE

    assert PIPE == asyncio.subprocess.PIPE == ferrio.subprocess.PIPE
    assert ferrio.exceptions.CancelledError is asyncio.CancelledError
    assert queues.Queue is ferrio.Queue is not asyncio.Queue
    assert queues.QueueEmpty is asyncio.QueueEmpty
    assert ferrio.locks.Lock is ferrio.Lock
    assert ferrio.tasks.Task is ferrio.Task
    assert ferrio.futures.Future is ferrio.Future
    assert ferrio.tasks.all_tasks is asyncio.all_tasks


@pytest.mark.parametrize("module", [name for name in sorted(sys.modules) if name.startswith("asyncio.")])
def test_every_submodule_has_its_public_names(module):
    if "__main__" in module:
        pytest.skip("a program, not a submodule")
    source = sys.modules[module]
    ours = sys.modules[module.replace("asyncio", "ferrio", 1)]
    for name in getattr(source, "__all__", ()):
        assert hasattr(ours, name)
    names = {}
    exec(f"from {ours.__name__} import *", names)
    assert set(getattr(source, "__all__", ())) <= set(names)


def test_setting_a_name_changes_nothing_in_asyncio():
    before = asyncio.queues.Queue
    ferrio.queues.Queue = None
    try:
        assert asyncio.queues.Queue is before
    finally:
        ferrio.queues.Queue = before


@pytest.mark.parametrize("owner", [ferrio, ferrio.subprocess])
def test_an_unknown_name_is_an_attribute_error(owner):
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        owner.no_such_name
    with pytest.raises(ImportError):
        exec(f"from {owner.__name__} import no_such_name")


def test_run_is_asyncios_run_on_ferrio():
    assert ferrio.run(loop_class()) is ferrio.Loop
    stock, ours = inspect.signature(asyncio.run), inspect.signature(ferrio.run)
    assert list(stock.parameters.items()) == list(ours.parameters.items())[: len(stock.parameters)]


def test_run_leaves_asyncio_as_it_was():
    asyncio.set_event_loop(None)
    before = snapshot()
    ferrio.run(asyncio.sleep(0))
    assert snapshot() == before


def test_run_within_is_on_ferrio_too():
    async def in_a_thread():
        return await asyncio.to_thread(asyncio.run, loop_class())

    assert ferrio.run(in_a_thread()) is ferrio.Loop


def test_run_takes_a_loop_factory_and_debug():
    async def main():
        loop = asyncio.get_running_loop()
        return type(loop), loop.get_debug()

    stock = asyncio.SelectorEventLoop
    assert ferrio.run(main(), debug=True, loop_factory=stock) == (stock, True)


class PolicyOfTheProgram(getattr(asyncio.events, "_AbstractEventLoopPolicy", None) or asyncio.AbstractEventLoopPolicy):
    """Makes loops with `factory` and keeps them."""

    def __init__(self, factory):
        self.factory, self.made = factory, []

    def new_event_loop(self):
        self.made.append(self.factory())
        return self.made[-1]

    def set_event_loop(self, loop):
        assert loop is None or loop in self.made


@pytest.fixture
def policy(request):
    policy = PolicyOfTheProgram(request.param)
    before, asyncio.events._event_loop_policy = asyncio.events._event_loop_policy, policy
    yield policy
    asyncio.events._event_loop_policy = before


@pytest.mark.parametrize("policy", [ferrio.new_event_loop], indirect=True)
def test_run_asks_a_policy_of_the_programs_own(policy):
    async def main():
        return asyncio.get_running_loop()

    assert [ferrio.run(main()), ferrio.run(main())] == policy.made
    assert all(loop.is_closed() for loop in policy.made)
    assert ferrio.run(loop_class(), loop_factory=asyncio.SelectorEventLoop) is asyncio.SelectorEventLoop
    assert len(policy.made) == 2
    assert asyncio.events._event_loop_policy is policy


@pytest.mark.parametrize("policy", [asyncio.SelectorEventLoop, lambda: None], indirect=True, ids=["asyncios", "none"])
def test_run_is_on_ferrio_whatever_loops_a_policy_makes(policy):
    assert ferrio.run(loop_class()) is ferrio.Loop
    assert len(policy.made) == 1 and all(loop.is_closed() for loop in policy.made if loop is not None)


@pytest.mark.parametrize("junk", [None, 3, "main", lambda: None])
def test_run_refuses_what_asyncios_run_refuses(junk):
    with pytest.raises(Exception) as theirs:
        asyncio.run(junk)
    with pytest.raises(Exception) as ours:
        ferrio.run(junk)
    assert (type(ours.value), str(ours.value)) == (type(theirs.value), str(theirs.value))


def test_run_inside_a_running_loop_is_refused():
    async def main():
        inner = loop_class()
        try:
            with pytest.raises(RuntimeError) as error:
                ferrio.run(inner)
        finally:
            inner.close()
        return str(error.value)

    assert ferrio.run(main()) == "asyncio.run() cannot be called from a running event loop"


def test_install_and_uninstall_count():
    before = snapshot()
    ferrio.install()
    ferrio.install()
    assert asyncio.run(loop_class()) is ferrio.Loop
    ferrio.uninstall()
    assert asyncio.run(loop_class()) is ferrio.Loop
    ferrio.uninstall()
    assert snapshot() == before
    assert asyncio.run(loop_class()) is not ferrio.Loop


def named_loops():
    return [getattr(asyncio, name) for name in ("SelectorEventLoop", "EventLoop") if hasattr(asyncio, name)]


def test_native_names_stand_everywhere_while_installed():
    before = {name: getattr(asyncio, name) for name in ferrio._install.NATIVE}
    ferrio.install()
    try:
        for name, native in ferrio._install.NATIVE.items():
            assert getattr(asyncio, name) is getattr(ferrio, name) is native
        assert asyncio.tasks.gather is ferrio.gather
        assert asyncio.timeouts.timeout is ferrio.timeout
        assert asyncio.taskgroups.TaskGroup is ferrio.TaskGroup
    finally:
        ferrio.uninstall()
    assert {name: getattr(asyncio, name) for name in before} == before
    assert asyncio.tasks.gather is before["gather"] is not ferrio.gather


def test_asyncios_loop_by_name_is_ours_while_installed():
    stock = asyncio.SelectorEventLoop
    ferrio.install()
    try:
        for name in named_loops():
            with asyncio.Runner(loop_factory=name) as runner:
                assert runner.run(loop_class()) is ferrio.Loop
                assert isinstance(runner.get_loop(), name)
            with asyncio.Runner(loop_factory=lambda: name(selectors.SelectSelector())) as runner:
                assert runner.run(loop_class()) is stock
                assert isinstance(runner.get_loop(), name)
            assert issubclass(ferrio.Loop, name) and issubclass(stock, name)
            assert not issubclass(int, name) and not isinstance(3, name)

        class Derived(asyncio.SelectorEventLoop):
            pass

        with asyncio.Runner(loop_factory=Derived) as runner:
            assert runner.run(loop_class()) is Derived
            assert isinstance(runner.get_loop(), stock)
        loop = ferrio.new_event_loop()
        assert not isinstance(loop, Derived)
        loop.close()
    finally:
        ferrio.uninstall()
    assert named_loops() == [stock] * len(named_loops())


KIND_OF_ITS_OWN = """
import asyncio, ferrio

class Kind(type):
    pass

theirs = asyncio.SelectorEventLoop = Kind("Theirs", (asyncio.SelectorEventLoop,), {})
ferrio.install()
loop = asyncio.SelectorEventLoop()
assert type(loop) is ferrio.Loop and isinstance(loop, asyncio.SelectorEventLoop)
loop.close()
assert issubclass(type("Derived", (asyncio.SelectorEventLoop,), {}), theirs)
ferrio.uninstall()
assert asyncio.SelectorEventLoop is theirs
"""


def test_a_loop_class_with_a_metaclass_that_somebody_else_put_there():
    subprocess.run([sys.executable, "-c", KIND_OF_ITS_OWN], check=True)


@pytest.mark.skipif(not hasattr(asyncio.events, "_event_loop_policy"), reason="this CPython has no policies")
def test_the_default_policy_is_ours_while_installed():
    """set_event_loop_policy(None) brought asyncio's own back."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        asyncio.set_event_loop_policy(None)
        ferrio.install()
        asyncio.set_event_loop_policy(None)
        assert isinstance(asyncio.get_event_loop_policy(), ferrio.EventLoopPolicy)
        assert asyncio.run(loop_class()) is ferrio.Loop
        ferrio.uninstall()
        assert not isinstance(asyncio.get_event_loop_policy(), ferrio.EventLoopPolicy)
        assert asyncio.run(loop_class()) is not ferrio.Loop
        asyncio.set_event_loop_policy(None)


def test_uninstall_without_install_is_an_error():
    with pytest.raises(RuntimeError, match="not installed"):
        ferrio.uninstall()


def test_a_policy_somebody_else_set_meanwhile_stays():
    if not hasattr(asyncio.events, "_event_loop_policy"):
        pytest.skip("this CPython has no policies")
    before = asyncio.events._event_loop_policy
    theirs = object()
    ferrio.install()
    asyncio.events._event_loop_policy = theirs
    ferrio.uninstall()
    assert asyncio.events._event_loop_policy is theirs
    asyncio.events._event_loop_policy = before


def test_many_threads_install_at_once():
    before = snapshot()
    start = threading.Barrier(8)
    seen = []

    def once():
        start.wait()
        for _ in range(200):
            ferrio.install()
            loop = asyncio.new_event_loop()
            seen.append(type(loop))
            loop.close()
            ferrio.uninstall()

    threads = [threading.Thread(target=once) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(seen) == {ferrio.Loop}
    assert snapshot() == before


def test_the_policy_makes_ferrio_loops():
    if not hasattr(asyncio.events, "_event_loop_policy"):
        with pytest.raises(AttributeError):
            ferrio.EventLoopPolicy
        return
    loop = ferrio.EventLoopPolicy().new_event_loop()
    assert type(loop) is ferrio.Loop
    loop.close()


def test_nothing_of_ours_warns():
    code = (
        "import ferrio, asyncio\n"
        "ferrio.install(); asyncio.run(asyncio.sleep(0)); ferrio.uninstall()\n"
        "ferrio.run(asyncio.sleep(0)); ferrio.new_event_loop().close()"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-X", "dev", "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_import_starts_nothing():
    code = (
        "import asyncio, os, sys, threading\n"
        "before = set(sys.modules), os.listdir('/proc/self/fd'), threading.active_count()\n"
        "policy = asyncio.events._event_loop_policy\n"
        "import ferrio\n"
        "new = sorted(m for m in set(sys.modules) - before[0] if not m.startswith('ferrio'))\n"
        "assert os.listdir('/proc/self/fd') == before[1]\n"
        "assert threading.active_count() == before[2]\n"
        "assert asyncio.events._event_loop_policy is policy\n"
        "print(new)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
