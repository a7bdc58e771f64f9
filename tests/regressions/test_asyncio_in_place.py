"""What a program may do with asyncio's names and with imports, it may do while ferrio stands in their place.

Found in review: a class derived from `asyncio.SelectorEventLoop` and an abstract class was a conflict of metaclasses, the name
could not be pickled, and arguments that asyncio's class refuses made a loop. A finder without `find_spec` broke the import of
multiprocessing; one that asks all finders let children install ferrio twice; the end of a run in one thread let an import in
another thread pass over a finder; and multiprocessing, loaded when a run had ended that it was looked for in, passed ferrio on.
"""

import functools
import sys

import pytest


@pytest.fixture
def program(flavour, script):
    """Run a program as ``python`` and as ``python -m ferrio`` do."""
    return functools.partial(script, flags=("-m", "ferrio") if flavour.name == "ferrio" else ())


def test_a_loop_class_that_is_also_an_abstract_one(program):
    program(
        """
        import abc

        class Named(abc.ABC):
            @abc.abstractmethod
            def name(self): ...

        class Loop(asyncio.SelectorEventLoop, Named):
            def name(self):
                return "mine"

        loop = Loop()
        assert isinstance(loop, Named) and isinstance(loop, asyncio.SelectorEventLoop)
        assert loop.name() == "mine"
        loop.close()
        """
    )


def test_the_name_is_pickled(program):
    program(
        """
        import pickle

        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            assert pickle.loads(pickle.dumps(asyncio.SelectorEventLoop, protocol)) is asyncio.SelectorEventLoop

        class Derived(asyncio.SelectorEventLoop):
            pass

        assert pickle.loads(pickle.dumps(Derived)) is Derived
        """
    )


@pytest.mark.parametrize("arguments", ["None, None", "loop=None", "None, selector=None"])
def test_arguments_that_there_are_not(program, arguments):
    program(
        f"""
        try:
            asyncio.SelectorEventLoop({arguments})
        except TypeError:
            sys.exit()
        sys.exit("made a loop")
        """
    )


@pytest.mark.skipif(sys.version_info < (3, 12), reason="CPython 3.11 asks such a finder for find_module")
def test_a_finder_that_finds_nothing_by_any_method(program):
    program(
        """
        sys.meta_path.insert(1, object())
        import multiprocessing.util
        """
    )


def test_the_loader_of_a_module_to_come_is_copied(program):
    program(
        """
        import copy, importlib.util

        loader = importlib.util.find_spec("multiprocessing.util").loader
        assert copy.deepcopy(loader).get_filename("multiprocessing.util").endswith("util.py")
        """
    )


ASKS_ALL = """
import importlib.util

class AsksAll:
    asks = False

    def find_spec(self, name, path, target=None):
        if self.asks:
            return None
        self.asks = True
        try:
            return importlib.util.find_spec(name)
        finally:
            self.asks = False

sys.meta_path.insert(1, AsksAll())
import multiprocessing

def work():
    if "ferrio" in sys.modules:
        sys.modules["ferrio"].uninstall()
    loop = asyncio.new_event_loop()
    loop.close()
    sys.exit(type(loop).__module__ != "asyncio.unix_events")

if __name__ == "__main__":
    child = multiprocessing.get_context("spawn").Process(target=work)
    child.start()
    child.join()
    sys.exit(child.exitcode)
"""


def test_a_finder_that_asks_all_finders(program):
    program(ASKS_ALL)


def test_a_run_ends_while_another_thread_imports(flavour, script):
    script(
        f"""
        import threading
        from {flavour.name} import run

        class Found(Exception):
            pass

        class Waits:
            def find_spec(self, name, path, target=None):
                if name == "to_be_found":
                    walks.set()
                    ended.wait()

        class Finds:
            def find_spec(self, name, path, target=None):
                if name == "to_be_found":
                    raise Found

        def imports():
            try:
                import to_be_found
            except Found:
                found.append(True)

        async def main():
            # Behind a finder that goes when the run ends.
            sys.meta_path[1:1] = [Waits(), Finds()]
            importer.start()
            walks.wait()

        walks, ended, found = threading.Event(), threading.Event(), []
        importer = threading.Thread(target=imports)
        run(main())
        ended.set()
        importer.join()
        assert found
        """
    )


def test_a_module_that_is_loaded_when_the_run_has_ended(flavour, script):
    script(
        f"""
        import importlib.util
        from {flavour.name} import run

        async def main():
            return importlib.util.find_spec("multiprocessing.util")

        spec = run(main())
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert module.spawnv_passfds.__module__ == "multiprocessing.util"
        """
    )
