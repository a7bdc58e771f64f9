"""`subprocess.Popen` that does not wait until the child has called `exec`; decision 6 says why.

The wait is in `Popen._execute_child`: in `vfork`, which stops the thread and with it everybody who wants the GIL, and in the
read from the pipe through which the child reports an error. That very method is run here with another `_fork_exec`, which
starts the child on a pipe of its own: it finds the end of its pipe at once. So all that it knows of arguments, descriptors,
audit events and versions holds.
"""

import builtins
import os
import subprocess
import sys
import threading
import types

_STOCK = subprocess.Popen
_EXECUTE_CHILD = _STOCK._execute_child

# Positions among the arguments of `_posixsubprocess.fork_exec`: 23, and 22 from 3.14 on, without the last.
_COUNTS = {22, 23}
_CWD, _ENVIRONMENT, _PIPES, _ERRORS_READ, _ERRORS_WRITE, _RESTORE_SIGNALS, _GID, _UMASK, _PREEXEC = 4, 5, 6, 12, 13, 14, 17, 20, 21


class Popen(_STOCK):
    """A Popen whose child may not run yet. `over` has to be called when it does, or is dead."""

    __module__ = "subprocess"

    #: The reading end of the child's error pipe: the end of file says that the program runs.
    _errors = None
    #: What the child needs until then; None after a `fork`.
    _starting = None

    def _execute_child(self, args, executable, preexec_fn, close_fds, pass_fds, cwd, env, startupinfo, creationflags, shell, *rest):
        if not isinstance(args, (str, bytes, os.PathLike)):
            args = list(args)
        self._cwd = cwd
        self._executable = executable
        if executable is None:
            first = args[0] if isinstance(args, list) and args else args
            self._executable = "/bin/sh" if shell else first
        _starting.popen = self
        try:
            _execute_child(self, args, executable, preexec_fn, close_fds, pass_fds, cwd, env, startupinfo, creationflags, shell, *rest)
        finally:
            del _starting.popen

    def _fork_exec(self, *args):
        if len(args) not in _COUNTS:
            return subprocess._fork_exec(*args)
        read, write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            # The writing end of the caller's pipe becomes that of ours: its other end is at the end of file from now on.
            os.dup2(write, args[_ERRORS_WRITE], inheritable=False)
            args = args[:_ERRORS_READ] + (read,) + args[_ERRORS_READ + 1 :]
            pid = self._start(args) or subprocess._fork_exec(*args)
        except BaseException:
            os.close(read)
            raise
        finally:
            os.close(write)
        self._errors = read
        return pid

    def _start(self, args):
        """The native start; None for what cannot be done beside us: Python code in the child, another user."""
        keep = args[3]
        if args[_PREEXEC] is not None or args[_GID : _UMASK] != (None, None, None) or keep and keep[0] < 0:
            return None
        argv, candidates, close_fds = args[:3]
        cwd = args[_CWD]
        strings = (
            [os.fsencode(argument) for argument in argv],
            list(candidates),
            args[_ENVIRONMENT],
            None if cwd is None else os.fsencode(cwd),
        )
        p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite, errors_read, errors_write = args[_PIPES : _ERRORS_WRITE + 1]
        standard = [p2cread, c2pwrite, errwrite]
        parents = [p2cwrite, c2pread, errread, errors_read]
        descriptors = (bool(close_fds), list(keep), standard, parents, errors_write)
        restore_signals, new_session, process_group = args[_RESTORE_SIGNALS:_GID]
        attributes = (bool(restore_signals), bool(new_session), process_group, args[_UMASK])
        self._starting = self._start_program((strings, descriptors, attributes))
        return self._starting and self._starting.pid()

    def over(self):
        """The program runs, or the child is dead: forget what it needed for its start."""
        if self._starting is not None:
            self._starting.over()
            self._starting = None

    def error(self, data):
        """The exception that the child reports, as `Popen` would raise it."""
        name, number, text = bytes(data).split(b":", 2)
        kind = getattr(builtins, name.decode("ascii"), subprocess.SubprocessError)
        text = text.decode(errors="surrogateescape")
        if not issubclass(kind, OSError):
            return kind(text)
        number = int(number, 16)
        before_exec = text.startswith("noexec")
        filename = self._executable
        if before_exec:
            # Before 3.13 chdir(2) is not told apart from what else comes before `exec`.
            filename = self._cwd if text == "noexec:chdir" or sys.version_info < (3, 13) else None
        if number:
            text = os.strerror(number)
        elif before_exec:
            text = ""
        without = filename is None and sys.version_info >= (3, 13)
        return kind(number, text) if without else kind(number, text, filename)


#: Whose child is being started in this thread.
_starting = threading.local()
# The same function with other globals. One for all, so that the interpreter's caches in its code stay warm.
_execute_child: object = types.FunctionType(
    _EXECUTE_CHILD.__code__,
    {
        **_EXECUTE_CHILD.__globals__,
        "_fork_exec": lambda *args: _starting.popen._fork_exec(*args),
        "_USE_POSIX_SPAWN": False,
    },
)


def start(loop, command, /, **kwargs):
    """A `subprocess.Popen` for the command, on whose `exec` nobody has waited if it is one of ours."""
    if subprocess.Popen is not _STOCK or _STOCK._execute_child is not _EXECUTE_CHILD or not getattr(subprocess, "_USE_VFORK", True):
        # Somebody has put something in its place, or has told it to do without.
        return subprocess.Popen(command, **kwargs)
    popen = Popen.__new__(Popen)
    popen._start_program = loop._start_program
    try:
        popen.__init__(command, **kwargs)
    except BaseException:
        # A signal's handler has raised: as in `Popen`, the child is on its own.
        if popen._errors is not None:
            os.close(popen._errors)
        raise
    finally:
        del popen._start_program
    return popen
