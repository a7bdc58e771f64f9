"""``python -m ferrio app.py args…``: what ``python app.py args…`` does, with ferrio installed.

The program must not see a difference: `sys.argv`, `sys.path[0]`, `__main__`, the traceback, the exit status and the death by
SIGINT are those of the interpreter (Modules/main.c, Python/pythonrun.c). So the script runs in a fresh `__main__` module, and
an uncaught exception loses the frames of this file before the interpreter's own code prints it.
"""

import os
import pkgutil
import sys
from importlib.machinery import BuiltinImporter, SourceFileLoader, SourcelessFileLoader
from types import ModuleType

from . import _ferrio, _options

_USAGE = (
    "usage: python -m ferrio [-h] [--version] [--legacy] [--nested] [--override] (file | -m module | -c code | -) [args ...]"
)

_HELP = f"""{_USAGE}

Run an asyncio program on ferrio's event loop, tasks and futures.

  file         a script, or a directory or zip file that holds __main__.py
  -m module    a module or package, as python -m
  -c code      code, as python -c
  -            a program from standard input
  args         go to the program, in sys.argv
  --legacy     give the program what asyncio had in Python 3.4 to 3.10: @asyncio.coroutine, loop= arguments and more
  --nested     let a loop be run inside its own run: run_until_complete, asyncio.run, Runner.run
  --override   give the program ferrio where it asks for uvloop by name; without, it keeps uvloop, and a line on stderr says so
  --version    print the version
  -h, --help   print this

Children of multiprocessing inherit ferrio and these options: fork, forkserver and spawn.
Everything else is as under python: sys.argv, __main__, tracebacks, exit status, Ctrl-C.
"""


def main() -> None:
    """Do what the command line says, then end the process. Never returns normally."""
    arguments = sys.argv[1:]
    options = set()
    while arguments and arguments[0] in _options.OPTIONS:
        options.add(arguments.pop(0))
    if not arguments:
        _refuse("nothing to run")
    first, rest = arguments[0], arguments[1:]
    if first in ("-h", "--help"):
        sys.stdout.write(_HELP)
        sys.exit()
    if first in ("-V", "--version"):
        sys.stdout.write(f"ferrio {_ferrio.__version__} (CPython {sys.version.split()[0]})\n")
        sys.exit()
    start = _starter(first, rest)
    _options.apply(options)
    # The package's own __main__ stays referenced: its frames are still below us.
    package_main = sys.modules["__main__"]
    uncaught = _uncaught_by(start)
    if uncaught is not None:
        _end_with(uncaught)
    del package_main
    sys.exit()


def _uncaught_by(start):
    # Returned, not handled in the except block: what sys.excepthook raises must not get it as its context.
    try:
        start()
    except BaseException as exception:
        return exception
    return None


def _starter(first, rest):
    """The function that runs what the command line names."""
    if first.startswith(("-m", "-c")):
        flag, value = first[:2], first[2:]
        if not value:
            if not rest:
                _refuse(f"argument expected for the {flag} option")
            value, rest = rest[0], rest[1:]
        run = _run_module if flag == "-m" else _run_code
        return lambda: run(value, rest)
    if first == "-":
        return lambda: _run_stdin(rest)
    if first.startswith("-"):
        _refuse(f"unknown option {first}")
    return lambda: _run_file(first, rest)


def _refuse(problem):
    sys.stderr.write(f"{_USAGE}\npython -m ferrio: {problem}; try --help\n")
    sys.exit(2)


def _new_main(**attributes):
    """A fresh `__main__`, as the interpreter makes it, in `sys.modules`."""
    module = ModuleType("__main__")
    module.__builtins__ = sys.modules["builtins"]
    vars(module).update(attributes)
    if sys.version_info < (3, 14):
        module.__annotations__ = {}
    sys.modules["__main__"] = module
    return module


def _put_on_path(entry):
    """Replace the working directory, which -m put first on `sys.path`; with -P and -I nothing is there and nothing comes."""
    if not sys.flags.safe_path:
        sys.path[0] = entry


def _run_file(path, arguments):
    sys.argv[:] = [path, *arguments]
    full = os.path.join(os.getcwd(), path)
    if pkgutil.get_importer(full) is not None:
        # A directory or zip file: its __main__.py runs, and the entry goes on the path even under -P.
        if sys.flags.safe_path:
            sys.path.insert(0, full)
        else:
            sys.path[0] = full
        _new_main(__loader__=None)
        _run_as_main("__main__", alter_argv=False)
        return
    try:
        code, loader = _code_of(full)
    except OSError as error:
        sys.stderr.write(
            f"{sys.orig_argv[0]}: can't open file {full!r}: [Errno {error.errno}] {error.strerror}\n"
        )
        sys.exit(2)
    _put_on_path(os.path.dirname(os.path.realpath(full)))
    module = _new_main(__loader__=loader("__main__", full), __file__=full, __cached__=None)
    if isinstance(code, bytes):
        code = compile(code, full, "exec", dont_inherit=True)
    exec(code, vars(module))


def _code_of(path):
    """What a script holds, source or (``.pyc``) compiled, and the class of its loader."""
    with open(path, "rb") as file:
        if not path.endswith(".pyc"):
            return file.read(), SourceFileLoader
        code = pkgutil.read_code(file)
    if code is None:
        sys.stderr.write("RuntimeError: Bad magic number in .pyc file\n")
        sys.exit(1)
    return code, SourcelessFileLoader


def _run_code(source, arguments):
    sys.argv[:] = ["-c", *arguments]
    _put_on_path("")
    if sys.version_info >= (3, 14):
        import textwrap

        source = textwrap.dedent(source)
    module = _new_main(__loader__=BuiltinImporter)
    code = compile(source, "<string>", "exec", dont_inherit=True)
    _show_lines_in_tracebacks(code, source)
    exec(code, vars(module))


def _run_stdin(arguments):
    sys.argv[:] = ["-", *arguments]
    _put_on_path("")
    module = _new_main(__loader__=BuiltinImporter, __file__="<stdin>", __cached__=None)
    exec(compile(sys.stdin.read(), "<stdin>", "exec", dont_inherit=True), vars(module))


def _show_lines_in_tracebacks(code, source):
    """From 3.13 on a traceback shows the lines of -c: the interpreter tells them to linecache, by name or (3.14) by code."""
    if sys.version_info >= (3, 13):
        import linecache

        linecache._register_code(
            code if sys.version_info >= (3, 14) else "<string>", source, "<string>"
        )


def _run_module(name, arguments):
    sys.argv[:] = ["-m", *arguments]
    _new_main(__loader__=BuiltinImporter)
    _run_as_main(name)


def _run_as_main(name, alter_argv=True):
    # The function that python -m itself calls: same errors, same frames in the traceback.
    import runpy

    runpy._run_module_as_main(name, alter_argv)


def _end_with(exception):
    """Print an uncaught exception and end as the interpreter does: status 1, SystemExit's own, or death by SIGINT."""
    traceback = exception.__traceback__
    while traceback is not None and traceback.tb_frame.f_globals is globals():
        traceback = traceback.tb_next
    exception.__traceback__ = traceback
    if isinstance(exception, SystemExit):
        raise exception
    if isinstance(exception, KeyboardInterrupt):
        _ferrio._die_of_interrupt_at_exit()
    _ferrio._print_uncaught(exception)
    _tell_the_way_out(exception)
    sys.exit(1)


def _tell_the_way_out(exception):
    """One line more where an option of ours makes the program run."""
    if sys.stderr is None:
        return
    try:
        from ._hints import line_for

        line = line_for(exception, _options.given)
        if line is not None:
            sys.stderr.write(line)
    except Exception:
        # The process may have no descriptor, memory or stack left; what it ended with has been told.
        return
