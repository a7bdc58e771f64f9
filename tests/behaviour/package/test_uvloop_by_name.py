"""uvloop by name under ``python -m ferrio``: the program keeps it, with one line on stderr; with --override it gets ferrio."""

import os
import subprocess
import sys
import textwrap

import pytest

pytest.importorskip("uvloop")

LINE = "ferrio: this program asks for uvloop by name and gets it; python -m ferrio --override gives it ferrio\n"

HEAD = """\
import asyncio, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)

async def main():
    await asyncio.gather(asyncio.sleep(0.001), asyncio.to_thread(int))
    return type(asyncio.get_running_loop()).__module__
"""

# Each prints the module of the loop it ran on.
WAYS = {
    "run": "import uvloop; print(uvloop.run(main()))",
    "from import": "from uvloop import run; print(run(main()))",
    "run with debug": "import uvloop; print(uvloop.run(main(), debug=True))",
    "install": "import uvloop; uvloop.install(); print(asyncio.run(main()))",
    "policy": "import uvloop; asyncio.set_event_loop_policy(uvloop.EventLoopPolicy()); print(asyncio.run(main()))",
    "policy, current loop": """
import uvloop
asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
print(asyncio.get_event_loop().run_until_complete(main()))
loop.close()""",
    "new_event_loop": """
import uvloop
loop = uvloop.new_event_loop()
print(loop.run_until_complete(main()))
loop.close()""",
    "loop factory": """
import uvloop
with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    print(runner.run(main()))""",
    "Loop": """
from uvloop import Loop
loop = Loop()
print(loop.run_until_complete(main()))
loop.close()""",
    "a subclass": """
import uvloop
class Mine(uvloop.Loop):
    pass
Mine.__module__ = uvloop.Loop.__module__
with asyncio.Runner(loop_factory=Mine) as runner:
    print(runner.run(main()))""",
    "where there is uvloop": """
try:
    from uvloop import new_event_loop
except ImportError:
    new_event_loop = None
with asyncio.Runner(loop_factory=new_event_loop) as runner:
    print(runner.run(main()))""",
    "importlib": """
import importlib, importlib.util
assert importlib.util.find_spec("uvloop") is not None
print(importlib.import_module("uvloop").run(main()))""",
    "reloaded": """
import importlib, uvloop
print(importlib.reload(uvloop).run(main()))""",
    "in a thread": """
import threading, uvloop
thread = threading.Thread(target=lambda: print(uvloop.run(main())))
thread.start()
thread.join()""",
    "several times": """
import uvloop
for _ in range(3):
    module = uvloop.run(main())
uvloop.install()
assert module == asyncio.run(main())
print(module)""",
}


@pytest.fixture
def run(tmp_path):
    """Run a program under ``python -m ferrio`` with options of ferrio's; stdout and stderr."""

    def run(program, *options, launcher=("-m", "ferrio"), arguments=(), flags=()):
        (tmp_path / "app.py").write_text(HEAD + textwrap.dedent(program))
        done = subprocess.run(
            [sys.executable, *flags, *launcher, *options, "app.py", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env={key: value for key, value in os.environ.items() if key != "PYTHONASYNCIODEBUG"},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout, done.stderr

    return run


@pytest.mark.parametrize("way", WAYS)
def test_the_program_keeps_uvloop_and_a_line_says_so(run, way):
    assert run(WAYS[way]) == ("uvloop\n", LINE)


@pytest.mark.parametrize("way", WAYS)
def test_override_gives_it_ferrio(run, way):
    assert run(WAYS[way], "--override") == ("ferrio\n", "")


@pytest.mark.parametrize(
    "program",
    [
        "import uvloop; print(asyncio.run(main()), uvloop.__version__ is None)",
        "import uvloop; uvloop.EventLoopPolicy(); print(asyncio.run(main()), uvloop is None)",
        "print(asyncio.run(main()), 'uvloop' in sys.modules)",
    ],
)
def test_who_only_imports_uvloop_is_told_nothing(run, program):
    assert run(program) == ("ferrio False\n", "")


def test_uvloop_is_as_it_is_under_python(run):
    """Its loader, its spec, its names."""
    program = """
        import uvloop, uvloop.loop
        print(uvloop.__loader__ is uvloop.__spec__.loader, type(uvloop.__loader__), sorted(vars(uvloop)))
        print(uvloop.Loop, uvloop.Loop.__mro__, uvloop.loop.Loop, issubclass(uvloop.Loop, asyncio.AbstractEventLoop))
        """
    assert run(program) == run(program, launcher=())


def test_overridden_names_and_ferrios_agree(run):
    program = """
        import ferrio, selectors, uvloop, uvloop.loop

        def other():
            return asyncio.SelectorEventLoop(selectors.SelectSelector())

        async def check():
            loop = asyncio.get_running_loop()
            assert isinstance(loop, uvloop.Loop) and isinstance(loop, uvloop.loop.Loop)
            return type(loop) is uvloop.Loop is uvloop.loop.Loop is ferrio.Loop

        print(uvloop.run(check()), asyncio.run(check()), type(uvloop.new_event_loop()) is ferrio.Loop)
        try:
            uvloop.run(check(), loop_factory=other)
        except TypeError as error:
            print(error)
        """
    out, _ = run(program, "--override", flags=("-W", "ignore"))
    assert out == "True True True\nuvloop.run() uses a non-uvloop event loop\n"


@pytest.mark.parametrize("options", [(), ("--override",)])
def test_no_uvloop_is_an_import_error(run, options):
    program = """
        sys.path[:] = [path for path in sys.path if "site-packages" not in path]
        try:
            import uvloop
        except ModuleNotFoundError as error:
            print(error)
        """
    assert run(program, *options)[0] == "No module named 'uvloop'\n"


@pytest.mark.parametrize("options", [(), ("--override",)])
@pytest.mark.parametrize("text", ["", "Loop = 'a line in a circle'", "class Loop:\n    pass"])
def test_a_module_of_the_programs_own_that_is_called_uvloop(run, tmp_path, text, options):
    (tmp_path / "uvloop.py").write_text(text)
    program = "import uvloop; print(uvloop.__file__, getattr(uvloop, 'Loop', 0) and uvloop.Loop)"
    out, error = run(program, *options)
    assert out == run(program, launcher=())[0] and not error


@pytest.mark.parametrize("options", [(), ("--override",)])
def test_a_policy_of_the_programs_own_is_honoured(run, options):
    program = """
        class Loop(asyncio.SelectorEventLoop):
            pass

        class Policy(asyncio.DefaultEventLoopPolicy):
            def new_event_loop(self):
                return Loop()

        Loop.__module__ = "mine"
        asyncio.set_event_loop_policy(Policy())
        print(asyncio.run(main()))
        """
    assert run(program, *options) == ("mine\n", "")


@pytest.mark.parametrize("options", [(), ("--override",)])
@pytest.mark.parametrize("arguments", [("--override",), ("x", "--override")], ids=" ".join)
def test_what_follows_the_program_is_the_programs(run, options, arguments):
    out, _ = run("import uvloop; print(uvloop.run(main()), sys.argv)", *options, arguments=arguments)
    assert out == f"{'ferrio' if options else 'uvloop'} {['app.py', *arguments]}\n"


CHILDREN = """
import multiprocessing, uvloop
from uvloop import new_event_loop

def work():
    loop = new_event_loop()
    loop.close()
    print(uvloop.run(main()), type(loop).__module__, asyncio.run(main()), flush=True)

if __name__ == "__main__":
    for method in ("fork", "forkserver", "spawn"):
        context = multiprocessing.get_context(method)
        if method == "forkserver":
            context.set_forkserver_preload(["__main__"])
        child = context.Process(target=work)
        child.start()
        child.join()
"""


def test_children_keep_uvloop_and_say_so_once_each(run):
    assert run(CHILDREN) == (3 * "uvloop uvloop ferrio\n", 3 * LINE)


def test_children_inherit_override(run):
    assert run(CHILDREN, "--override") == (3 * "ferrio ferrio ferrio\n", "")


def test_a_forked_child_of_a_process_that_was_told_is_not_told_again(run):
    program = WAYS["run"] + "\nimport os\nif not os.fork():\n    uvloop.run(main())\n    os._exit(0)\nos.wait()"
    assert run(program) == ("uvloop\n", LINE)


def test_a_program_without_stderr(run):
    assert run("sys.stderr = None\n" + WAYS["run"]) == ("uvloop\n", "")
