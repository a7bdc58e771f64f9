"""``python -m ferrio`` is ``python``: one program under both, byte for byte the same output and the same end."""

import os
import py_compile
import re
import signal
import subprocess
import sys
import textwrap

import pytest

SHOW_MAIN = """\
import sys
print(sys.argv, sys.path[0], __name__, globals().get("__file__"), __package__)
print(getattr(__spec__, "name", None), type(__loader__).__name__, sorted(globals()))
print(sys.modules["__main__"].__dict__ is globals())
"""


@pytest.fixture
def both(tmp_path):
    """Run a command line under both, in a directory with `files`; the common (status, stdout, stderr)."""

    def both(*arguments, files=(), stdin="", flags=()):
        for name, text in dict(files).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "80"}
        plain, ours = (
            subprocess.run(
                [sys.executable, *flags, *launcher, *arguments],
                cwd=tmp_path,
                input=stdin,
                capture_output=True,
                text=True,
                env=environment,
            )
            for launcher in ((), ("-m", "ferrio"))
        )
        assert (ours.returncode, ours.stdout, ours.stderr) == (
            plain.returncode,
            plain.stdout,
            plain.stderr,
        )
        return ours.returncode, ours.stdout, ours.stderr

    return both


@pytest.mark.parametrize("path", ["app.py", "./app.py", "d/app.py", "d/../d/app.py"])
def test_a_script_sees_its_arguments_and_its_main(both, path):
    status, out, _ = both(path, "--help", "-m", "x", files={path: SHOW_MAIN})
    assert status == 0
    assert f"[{path!r}, '--help', '-m', 'x']" in out


def test_a_compiled_script(both, tmp_path):
    (tmp_path / "app.py").write_text(SHOW_MAIN + "1 / 0\n")
    py_compile.compile(tmp_path / "app.py", cfile=tmp_path / "app.pyc")
    status, out, error = both("app.pyc", "x")
    assert status == 1 and "['app.pyc', 'x']" in out and "ZeroDivisionError" in error
    status, _, error = both("bad.pyc", files={"bad.pyc": "not compiled by anybody"})
    assert status == 1 and error == "RuntimeError: Bad magic number in .pyc file\n"


def test_a_link_puts_the_real_folder_on_the_path(both, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "app.py").write_text(SHOW_MAIN)
    (tmp_path / "link.py").symlink_to("real/app.py")
    assert str(tmp_path / "real") in both("link.py")[1]


@pytest.mark.parametrize(
    "files",
    [
        {"pkg.py": SHOW_MAIN},
        {"pkg/__init__.py": "", "pkg/__main__.py": SHOW_MAIN},
    ],
)
def test_a_module_sees_its_arguments_and_its_main(both, files):
    status, out, _ = both("-m", "pkg", "-c", "x", files=files)
    assert status == 0 and "'-c', 'x']" in out


def test_a_folder_with_a_main(both):
    assert both("d", "x", files={"d/__main__.py": SHOW_MAIN})[0] == 0


def test_code_sees_its_arguments_and_its_main(both):
    code = SHOW_MAIN.replace("print(getattr", "print(__spec__ or getattr")
    assert "['-c', '-m', 'x']" in both("-c", code, "-m", "x")[1]


def test_a_program_from_standard_input(both):
    assert "['-', 'x']" in both("-", "x", stdin=SHOW_MAIN)[1]


@pytest.mark.parametrize("flags", [("-P",), ("-I",), ("-O",), ("-X", "dev"), ("-W", "error")])
def test_flags_of_the_interpreter_hold(both, flags):
    if "-P" in flags or "-I" in flags:
        show = "import sys; print(sys.argv, sys.flags)"  # there, sys.path[0] is a folder of the installation
    else:
        show = SHOW_MAIN + "print(sys.flags, __debug__, sys.warnoptions)"
    both("app.py", files={"app.py": show}, flags=flags)


@pytest.mark.parametrize(
    "arguments",
    [
        ("missing.py",),
        ("no_main_here",),
        ("-m", "missing"),
        ("-m", "plain_package"),
        ("-m", "missing.inner"),
    ],
)
def test_what_cannot_be_found_is_refused_alike(both, arguments):
    files = {"no_main_here/x.py": "", "plain_package/__init__.py": ""}
    assert both(*arguments, files=files)[0] in (1, 2)


ENDINGS = {
    "nothing": "",
    "exit()": "sys.exit()",
    "exit(0)": "sys.exit(0)",
    "exit(7)": "sys.exit(7)",
    "exit(text)": "sys.exit('a last word')",
    "exit(None)": "sys.exit(None)",
    "exit(tuple)": "sys.exit((1, 2))",
    "exit(256)": "raise SystemExit(256)",
    "exit in except": "try: 1/0\nexcept Exception: raise SystemExit(4)",
    "_exit": "os._exit(3)",
    "error": "def f():\n  1/0\nf()",
    "chained": "try:\n  {}[1]\nexcept KeyError as e:\n  raise ValueError('v') from e",
    "group": "raise ExceptionGroup('g', [ValueError(1), KeyError(2)])",
    "base exception": "raise BaseException('b')",
    "bad str": "class E(Exception):\n  def __str__(self): raise ValueError\nraise E",
    "syntax error": "def f(:\n  pass",
    "syntax error below": "exec(compile('x = = 1', 'inner.py', 'exec'))",
    "import error": "import broken",
    "hook": "sys.excepthook = lambda t, v, tb: print('hook', t, tb.tb_lineno)\n1/0",
    "hook that raises": "sys.excepthook = lambda *a: 1/0\nraise ValueError",
    "last_value": "import atexit\natexit.register(lambda: print(repr(sys.last_value)))\n1/0",
    "atexit": "import atexit\natexit.register(print, 'bye')\nraise KeyboardInterrupt",
    "a thread goes on": "import threading, time\n"
    "threading.Thread(target=lambda: (time.sleep(.1), print('done'))).start()\nraise ValueError",
    "a global with a finalizer": "class X:\n  def __del__(self): print('gone')\nx = X()",
    "a warning": "import warnings\nwarnings.warn('old', DeprecationWarning)",
    "raised KeyboardInterrupt": "raise KeyboardInterrupt",
    "SIGINT": "import signal\nos.kill(os.getpid(), signal.SIGINT)",
    "SIGTERM": "import signal\nos.kill(os.getpid(), signal.SIGTERM)",
    "Ctrl-C in asyncio.run": "import asyncio, signal\n"
    "async def main():\n"
    "  os.kill(os.getpid(), signal.SIGINT)\n"
    "  await asyncio.sleep(60)\n"
    "asyncio.run(main())",
    "error in asyncio.run": "import asyncio\n"
    "async def main():\n"
    "  await asyncio.sleep(0)\n"
    "  raise ValueError('inside')\n"
    "asyncio.run(main())",
}


@pytest.mark.parametrize("kind", ["file", "-m", "-c"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_programs_end_alike(both, ending, kind):
    program = "import os, sys\n" + ENDINGS[ending]
    files = {"app.py": program, "broken.py": "import os\nx = = 1\n"}
    asks_the_loop = "asyncio.run" in ending
    if asks_the_loop:
        # Below asyncio.run the frames are the loop's own files: only the last line is the same.
        program = program.replace("asyncio.run(main())", _QUIET_RUN)
        files["app.py"] = program
    arguments = {"file": ("app.py",), "-m": ("-m", "app"), "-c": ("-c", program)}[kind]
    status, _, err = both(*arguments, files=files)
    if "KeyboardInterrupt" in ending or "Ctrl-C" in ending or ending in ("SIGINT", "atexit"):
        assert status == -signal.SIGINT
    if ending == "error":
        assert status == 1 and "ZeroDivisionError" in err
    assert not re.search(r"ferrio", err)


_QUIET_RUN = """\
try: asyncio.run(main())
except BaseException as e: raise e.with_traceback(None) from None"""


def test_main_can_be_pickled_and_forked(both):
    program = """
        import multiprocessing, pickle, sys

        class Thing:
            pass

        def plus_one(x):
            return x + 1

        if __name__ == "__main__":
            assert type(pickle.loads(pickle.dumps(Thing()))) is Thing
            for method in ("fork", "spawn", "forkserver"):
                with multiprocessing.get_context(method).Pool(1) as pool:
                    print(method, pool.map(plus_one, [1, 2]))
        """
    status, out, err = both("app.py", files={"app.py": program})
    assert status == 0 and out.count("[2, 3]") == 3, err


# --- what is ferrio's own


def ferrio_command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "ferrio", *arguments], capture_output=True, text=True
    )


def test_version():
    import ferrio

    done = ferrio_command("--version")
    assert done.returncode == 0
    assert done.stdout.split()[:2] == ["ferrio", ferrio.__version__]


def test_help_goes_to_stdout():
    done = ferrio_command("--help")
    assert done.returncode == 0 and done.stdout.startswith("usage:") and not done.stderr


@pytest.mark.parametrize(
    "arguments",
    [(), ("--nonsense", "app.py"), ("-m",), ("-c",), ("--override",), ("--override", "--nonsense", "app.py"), ("--legacy",)],
)
def test_a_wrong_command_line_says_what_is_wrong(arguments):
    done = ferrio_command(*arguments)
    assert done.returncode == 2 and not done.stdout
    assert "usage:" in done.stderr and "python -m ferrio:" in done.stderr


@pytest.mark.parametrize("how", ["asyncio.run(main())", "asyncio.Runner().run(main())"])
def test_the_program_runs_on_ferrio(how):
    code = (
        "import asyncio\n"
        "async def main():\n"
        "    loop = asyncio.get_running_loop()\n"
        "    print(type(loop).__module__, type(asyncio.current_task()).__module__)\n" + how
    )
    done = ferrio_command("-c", code)
    assert done.stdout.split() == ["ferrio", "ferrio"], done.stderr
