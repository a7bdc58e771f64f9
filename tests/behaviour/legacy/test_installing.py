"""`ferrio.legacy.install()` and `uninstall()`: nothing is left, whatever else is installed; children inherit ``--legacy``."""

import subprocess
import sys
import textwrap

import pytest

SNAPSHOT = """\
import asyncio, sys, types, ferrio

def snapshot():
    modules = [module for name, module in sys.modules.items() if name.partition(".")[0] == "asyncio" and "compat" not in name]
    classes = {value for module in modules for value in vars(module).values() if isinstance(value, type)}
    classes |= {each for value in classes | set(ferrio.Loop.__mro__) for each in value.__mro__} - {object}
    owned = {}
    for owner in (*modules, *classes):
        for name, value in vars(owner).items():
            if name not in ("__abstractmethods__", "_abc_impl", "__warningregistry__", "_event_loop_policy"):
                owned[owner, name] = value
    return owned

def differences(before, now):
    return {key for key in {*before, *now} if before.get(key) is not now.get(key)}
"""


def python(source, *arguments, **kwargs):
    done = subprocess.run([sys.executable, *arguments, "-c", textwrap.dedent(source)], capture_output=True, text=True, **kwargs)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_name_is_restored():
    source = """
        import ferrio.legacy
        asyncio.new_event_loop().close()
        before = snapshot()
        ferrio.legacy.install()
        changed = differences(before, snapshot())
        assert {(asyncio, "coroutine"), (asyncio, "sleep"), (asyncio.tasks, "sleep"), (asyncio.Lock, "__init__")} <= changed
        assert "asyncio.compat" in sys.modules
        asyncio.set_event_loop(None)
        assert asyncio.iscoroutine(x for x in ())
        ferrio.legacy.uninstall()
        assert differences(before, snapshot()) == set(), differences(before, snapshot())
        assert "asyncio.compat" not in sys.modules and not hasattr(asyncio, "coroutine")
        assert asyncio.iscoroutine(x for x in ()) == (sys.version_info < (3, 12))
        try:
            ferrio.legacy.uninstall()
        except RuntimeError as error:
            print(error)
        """
    assert python(SNAPSHOT + textwrap.dedent(source)) == "ferrio.legacy is not installed\n"


def test_they_count_each_by_itself():
    source = """
        def state():
            loop = asyncio.new_event_loop()
            loop.close()
            return isinstance(loop, ferrio.Loop), hasattr(asyncio, "coroutine")

        before = snapshot()
        ferrio.install()
        with_ferrio = snapshot()
        ferrio.legacy.install()
        ferrio.legacy.install()
        ferrio.uninstall()
        print(state())
        ferrio.legacy.uninstall()
        print(state())
        ferrio.install()
        ferrio.legacy.uninstall()
        print(state(), differences(with_ferrio, snapshot()))
        ferrio.uninstall()
        print(state(), differences(before, snapshot()))
        ferrio.legacy.install()
        print(state(), ferrio.run(asyncio.sleep(0, 1)), state())
        """
    assert python(SNAPSHOT + textwrap.dedent(source)).splitlines() == [
        "(True, True)",
        "(True, True)",
        "(True, False) set()",
        "(False, False) set()",
        "(True, True) 1 (True, True)",
    ]


def test_what_somebody_else_has_put_there_stays():
    source = """
        import asyncio, ferrio.legacy
        ferrio.legacy.install()
        async def mine(): pass
        asyncio.sleep = mine
        ferrio.legacy.uninstall()
        print(asyncio.sleep is mine, asyncio.tasks.sleep is mine)
        """
    assert python(source) == "True False\n"


def test_without_the_option_nothing_of_it_is_imported():
    source = "import sys; print([name for name in sys.modules if 'legacy' in name or '_hints' in name])"
    assert python(source, "-m", "ferrio") == "[]\n"
    assert "ferrio.legacy" in python(source, "-m", "ferrio", "--legacy")


def test_ferrio_as_asyncio_has_it():
    source = """
        import ferrio as asyncio
        asyncio.legacy.install()
        @asyncio.coroutine
        def old():
            yield from asyncio.sleep(0, loop=asyncio.get_event_loop())
            return 3
        print(asyncio.run(old()), asyncio.coroutines.iscoroutinefunction(old))
        """
    assert python(source) == "3 True\n"


def test_objects_from_before_and_after_work():
    source = """
        import asyncio, ferrio.legacy
        class Mine(asyncio.Lock): pass
        before = Mine()
        ferrio.legacy.install()
        loop = asyncio.new_event_loop()
        during = [asyncio.Lock(), Mine(loop=loop), asyncio.Queue(loop=loop)]
        async def use(lock):
            async with lock: return lock.locked()
        print(loop.run_until_complete(use(before)), [loop.run_until_complete(use(each)) for each in during[:2]])
        ferrio.legacy.uninstall()
        async def waits(lock):
            async with lock:
                other = asyncio.ensure_future(use(lock))
                await asyncio.sleep(0)
            return await other
        print([loop.run_until_complete(waits(each)) for each in (before, *during[:2])], isinstance(during[1], Mine))
        """
    assert python(source) == "True [True, True]\n[True, True, True] True\n"


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("way", ["option", "call"])
def test_children_inherit_it(tmp_path, method, way):
    path = tmp_path / "app.py"
    path.write_text(
        textwrap.dedent("""
        import asyncio, multiprocessing, sys, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        if sys.argv[2] == "call" and __name__ == "__main__":
            import ferrio
            ferrio.legacy.install()

        @asyncio.coroutine
        def double(x):
            yield from asyncio.sleep(0)
            return 2 * x

        def work(x):
            warnings.simplefilter("ignore", DeprecationWarning)
            loop = asyncio.new_event_loop()
            return type(loop).__module__, loop.run_until_complete(asyncio.gather(double(x), loop=loop))

        if __name__ == "__main__":
            with multiprocessing.get_context(sys.argv[1]).Pool(1) as pool:
                print(pool.map(work, [1, 2]))
        """)
    )
    launcher = ("-m", "ferrio", "--legacy") if way == "option" else ()
    done = subprocess.run([sys.executable, *launcher, str(path), method, way], capture_output=True, text=True)
    assert done.stdout == "[('ferrio', [2]), ('ferrio', [4])]\n", done.stderr


@pytest.mark.parametrize("loop", ["ferrio.new_event_loop()", "asyncio.SelectorEventLoop(__import__('selectors').EpollSelector())"])
def test_on_asyncios_own_loop_too(loop):
    source = f"""
        import asyncio, ferrio.legacy
        ferrio.legacy.install()
        @asyncio.coroutine
        def old():
            yield
            return (yield from asyncio.gather(*[asyncio.sleep(0, 4, loop=loop)]))
        loop = {loop}
        print(loop.run_until_complete(asyncio.wait_for(old(), 60)), loop.run_until_complete(asyncio.wait([old()]))[1])
        loop.close()
        """
    assert python(source) == "[4] set()\n"


def test_debug_mode_names_generators_that_nobody_ran():
    source = """
        import asyncio, ferrio.legacy
        ferrio.legacy.install()
        @asyncio.coroutine
        def old(x):
            yield
            return x
        made = old(1)
        assert asyncio.iscoroutine(made) and isinstance(made, asyncio.coroutines.CoroWrapper) and "old" in repr(made)
        async def main():
            return await made, await asyncio.ensure_future(old(2)), await asyncio.gather(old(3))
        print(asyncio.run(main()))
        old(4)
        """
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "ignore", "-c", textwrap.dedent(source)], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "(1, 2, [3])\n"), done.stderr
    assert done.stderr.count("was never yielded from") == 1 and "CoroWrapper old()" in done.stderr
