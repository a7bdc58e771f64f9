"""A program that ends with an error that ``--legacy`` cures ends with one line more, which says so; no other error brings it."""

import os
import subprocess
import sys
import textwrap

import pytest

LINE = "ferrio: this program is written for an older Python, and runs with python -m ferrio --legacy …\n"

PYTHON = ("python",)
FERRIO = ("python", "-m", "ferrio")
LEGACY = ("python", "-m", "ferrio", "--legacy")

# Name: a program, and the first version on which it fails (3.11: all that there are).
CURED = {
    "decorator": ("@asyncio.coroutine\ndef f(): yield", (3, 11)),
    "decorator, in coroutines": ("asyncio.coroutines.coroutine", (3, 11)),
    "decorator, imported": ("from asyncio import coroutine", (3, 11)),
    "name": ("asyncio.JoinableQueue", (3, 11)),
    "name in a function": ("def f(): return asyncio.streams.IncompleteReadError\nf()", (3, 11)),
    "async": ("getattr(asyncio, 'async')", (3, 11)),
    "module": ("import asyncio.compat", (3, 11)),
    "module, imported from": ("from asyncio.compat import PY34", (3, 11)),
    "Task": ("asyncio.Task.current_task(asyncio.new_event_loop())", (3, 11)),
    "child watcher": ("asyncio.ThreadedChildWatcher()", (3, 14)),
    "child watcher of a policy": ("asyncio.get_event_loop_policy().get_child_watcher()", (3, 14)),
    "loop, function": ("async def main(): await asyncio.sleep(0, loop=None)\nasyncio.run(main())", (3, 11)),
    "loop, imported function": ("from asyncio import gather\ngather(loop=asyncio.new_event_loop())", (3, 11)),
    "loop, function of a submodule": ("from asyncio import tasks\ntasks.gather(loop=asyncio.new_event_loop())", (3, 11)),
    "loop, class": ("asyncio.Lock(loop=None)", (3, 11)),
    "loop, derived class": ("asyncio.PriorityQueue(loop=None)", (3, 11)),
    "loop, class of the program": (
        "class Mine(asyncio.Semaphore):\n    def __init__(self): super().__init__(2, loop=None)\nMine()",
        (3, 11),
    ),
    "loop, aliased module": ("import asyncio as aio\naio.Event(loop=None)", (3, 11)),
    "loop, ferrio's class": ("import ferrio\nferrio.Queue(loop=None)", (3, 11)),
    "loop, handed on": (
        "async def main():\n    s = await asyncio.start_server(print, '127.0.0.1', 0, loop=asyncio.get_event_loop())\n    s.close()\n"
        "asyncio.run(main())",
        (3, 11),
    ),
    "loop, handed far on": (
        "async def main():\n    loop = asyncio.get_running_loop()\n"
        "    await (await asyncio.create_subprocess_exec('true', loop=loop)).wait()\nasyncio.run(main())",
        (3, 11),
    ),
    "coroutines to wait for": (
        "async def f(): pass\nasync def main(): await asyncio.wait([f()])\nasyncio.run(main())",
        (3, 11),
    ),
    "a generator": ("def f(): yield\nasyncio.run(f())", (3, 12)),
    "a generator, as a task": (
        "import types\n@types.coroutine\ndef f(): yield\nasync def main(): await asyncio.create_task(f())\nasyncio.run(main())",
        (3, 12),
    ),
    "a generator, gathered": (
        "def f(): yield\nasync def main(): await asyncio.gather(f())\nasyncio.run(main())",
        (3, 12),
    ),
    "lock": (
        "async def main():\n    lock = asyncio.Lock()\n    with await lock: pass\nasyncio.run(main())",
        (3, 11),
    ),
    "lock of an object": (
        "import types\nclass A:\n    def __init__(self): self.gate = asyncio.Condition()\n    @types.coroutine\n    def f(self):\n"
        "        with (yield from self.gate): pass\nasync def main(): await A().f()\nasyncio.run(main())",
        (3, 11),
    ),
    "no loop": ("asyncio.get_event_loop()", (3, 14)),
    "no loop for a task": ("async def f(): pass\nasyncio.ensure_future(f()).cancel()", (3, 14)),
    "executor": (
        "import concurrent.futures as c\nwith c.ProcessPoolExecutor(1) as pool:\n"
        "    loop = asyncio.new_event_loop()\n    loop.set_default_executor(pool)\n    loop.close()",
        (3, 11),
    ),
}

# The same words, and nothing to cure.
NOT_CURED = {
    "another name": "asyncio.corotine",
    "another module": "import asyncio.compatible",
    "another import": "from asyncio import coroutin",
    "another object": "class A: pass\nA().coroutine",
    "another module's name": "import os\nos.coroutine",
    "a function of the program": "def sleep(x): pass\nsleep(1, loop=2)",
    "a function of the program, and asyncio's": "def sleep(x): pass\nasyncio.sleep(1).close()\nsleep(1, loop=2)",
    "a method": "class A:\n    def sleep(self): pass\nasyncio.sleep(1).close()\nA().sleep(loop=1)",
    "a class of the program": "class Lock:\n    def __init__(self): pass\nLock(loop=1)",
    "a function of a module": "import types\nown = types.ModuleType('own')\nexec('def sleep(): pass', vars(own))\n"
    "asyncio.sleep(1).close()\nown.sleep(loop=1)",
    "never had a loop": "asyncio.Barrier(1, loop=None)",
    "another argument": "asyncio.Lock(lop=None)",
    "another iterable": "class Lock: pass\nlist(Lock())",
    "another lock": "import multiprocessing\nasync def main():\n    lock = multiprocessing.Lock()\n    with await lock: pass\nasyncio.run(main())",
    "another wait": "raise TypeError('Passing coroutines is forbidden, use tasks explicitly.')",
    "another loop": "raise RuntimeError(\"There is no current event loop in thread 'MainThread'.\")",
    "no loop any more": "asyncio.set_event_loop(None)\nasyncio.get_event_loop()",
    "no loop after run": "async def f(): pass\nasyncio.run(f())\nasyncio.get_event_loop()",
    "no loop in a thread": "import concurrent.futures as c\nc.ThreadPoolExecutor().submit(asyncio.get_event_loop).result()",
    "exit": "import sys\nsys.exit('no attribute coroutine')",
}


def run(tmp_path, command, program):
    path = tmp_path / "old.py"
    path.write_text("import asyncio\n" + textwrap.dedent(program) + "\n")
    flags = ["-W", "ignore"]
    return subprocess.run(
        [sys.executable, *flags, *command[1:], str(path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONASYNCIODEBUG": ""},
    )


@pytest.mark.parametrize("name", CURED)
def test_it_tells_of_the_option_that_makes_the_program_run(tmp_path, name):
    program, first = CURED[name]
    plain, ours, cured = (run(tmp_path, command, program) for command in (PYTHON, FERRIO, LEGACY))
    assert cured.returncode == 0, cured.stderr
    assert LINE not in cured.stderr
    assert ours.returncode == plain.returncode == (sys.version_info >= first)
    if sys.version_info >= first:
        assert ours.stderr.endswith(LINE), ours.stderr
        assert ours.stderr.count("ferrio: ") == 1
        if "/ferrio/" not in ours.stderr and "/asyncio/" not in ours.stderr and "policy" not in program:
            # Where neither a frame nor an object is the loop's own, it is the same to the letter.
            assert ours.stderr == plain.stderr + LINE
    else:
        assert "ferrio: " not in ours.stderr


@pytest.mark.parametrize("name", NOT_CURED)
def test_other_errors_are_left_as_they_are(tmp_path, name):
    plain, ours = (run(tmp_path, command, NOT_CURED[name]) for command in (PYTHON, FERRIO))
    assert ours.returncode == plain.returncode == 1
    assert "ferrio: " not in ours.stderr
    assert ours.stderr.splitlines()[-1] == plain.stderr.splitlines()[-1]


def test_a_hook_of_the_program_gets_its_error_first(tmp_path):
    hook = "import sys\nsys.excepthook = lambda *a: print('hook', a[0].__name__)\nasyncio.coroutine"
    done = run(tmp_path, FERRIO, hook)
    assert (done.stdout, done.stderr, done.returncode) == ("hook AttributeError\n", LINE, 1)


def test_a_program_without_stderr(tmp_path):
    done = run(tmp_path, FERRIO, "import sys\nsys.stderr = None\nasyncio.coroutine")
    assert done.returncode == 1 and LINE not in done.stderr


@pytest.mark.parametrize(
    "last", ["import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))", "sys.path.clear()\nsys.meta_path.clear()"]
)
def test_where_no_module_can_be_loaded_any_more(tmp_path, last):
    program = f"import sys, traceback, linecache\n{last}\nasyncio.coroutine"
    plain, ours = (run(tmp_path, command, program) for command in (PYTHON, FERRIO))
    assert (ours.returncode, ours.stderr.splitlines()[-1]) == (1, plain.stderr.splitlines()[-1])


@pytest.mark.parametrize("kind", ["-c", "-m", "-"])
def test_however_the_program_is_named(tmp_path, kind):
    (tmp_path / "old.py").write_text("import asyncio\nasyncio.coroutine\n")
    arguments = {"-c": ("-c", "import asyncio\nasyncio.coroutine"), "-m": ("-m", "old"), "-": ("-",)}[kind]
    ours, plain = (
        subprocess.run(
            [sys.executable, *command[1:], *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            input="import asyncio\nasyncio.coroutine\n",
        )
        for command in (FERRIO, PYTHON)
    )
    assert ours.stderr == plain.stderr + LINE
