"""`subprocess_exec` and `subprocess_shell`: child processes whose pipes and end the loop waits for.

The child is started by a `subprocess.Popen` that does not wait for its `exec` (`_popen.py`); its end is told by a pidfd in the
loop's poller, or by a waiting thread where the kernel has none. Pipe transports are native.
"""

import asyncio
import functools
import os
import signal
import subprocess
import threading
import warnings
from asyncio.log import logger

from . import _popen

#: Errors of a child are short.
_ERROR_BYTES = 4096


class _PipeProtocol(asyncio.Protocol):
    """Hands what happens to one pipe of a child on to its transport."""

    def __init__(self, process, fd):
        self.process = process
        self.fd = fd
        self.pipe = None
        self.disconnected = False

    def connection_made(self, transport):
        self.pipe = transport

    def connection_lost(self, exc):
        self.disconnected = True
        process, self.process = self.process, None
        process._pipe_lost(self.fd, exc)

    def data_received(self, data):
        self.process._tell("pipe_data_received", self.fd, data)

    def pause_writing(self):
        self.process._protocol.pause_writing()

    def resume_writing(self):
        self.process._protocol.resume_writing()


class ProcessTransport(asyncio.SubprocessTransport):
    """A child process. Its protocol hears of the end when the child has exited and every pipe is closed."""

    def __init__(self, loop, protocol, popen):
        super().__init__({"subprocess": popen})
        self._loop = loop
        self._protocol = protocol
        self._proc = popen
        self._pid = popen.pid
        self._returncode = None
        self._pidfd = None
        self._pipes = {}
        self._closed = False
        self._connected = False
        self._over = False
        self._untold = []
        self._exit_waiters = []

    def __repr__(self):
        words = [type(self).__name__]
        if self._closed:
            words.append("closed")
        words.append(f"pid={self._pid}")
        words.append("running" if self._returncode is None else f"returncode={self._returncode}")
        for fd, name in enumerate(("stdin", "stdout", "stderr")):
            if fd in self._pipes:
                words.append(f"{name}={self._pipes[fd].pipe}")
        return f"<{' '.join(words)}>"

    def __del__(self, _warn=warnings.warn):
        if not self._closed:
            _warn(f"unclosed transport {self!r}", ResourceWarning, source=self)
            self.close()
        self._close_pidfd()

    async def _until_it_runs(self):
        """Wait until the program runs. Raises what `subprocess.Popen` raises if it cannot."""
        popen = self._proc
        if not isinstance(popen, _popen.Popen):
            return
        data = bytearray()
        try:
            while True:
                await self._readable(popen._errors)
                part = os.read(popen._errors, _ERROR_BYTES)
                if not part:
                    break
                data += part
        finally:
            os.close(popen._errors)
        popen.over()
        if data:
            # It exits at once.
            await self._wait()
            raise popen.error(data)

    async def _readable(self, fd):
        waiter = self._loop.create_future()
        self._loop.add_reader(fd, _wake, waiter)
        try:
            await waiter
        finally:
            self._loop.remove_reader(fd)

    async def _connect_pipes(self):
        """Wait until every pipe has its transport, then tell the protocol of the child."""
        popen = self._proc
        for fd, file, connect in (
            (0, popen.stdin, self._loop.connect_write_pipe),
            (1, popen.stdout, self._loop.connect_read_pipe),
            (2, popen.stderr, self._loop.connect_read_pipe),
        ):
            if file is not None:
                self._pipes[fd] = _PipeProtocol(self, fd)
                await connect(functools.partial(self._pipes.get, fd), file)
        self._loop.call_soon(self._protocol.connection_made, self)
        self._connected = True
        for name, *arguments in self._untold:
            self._tell(name, *arguments)
        self._untold.clear()
        self._finish_if_over()
        # connection_made() comes before whoever started the child goes on.
        await asyncio.sleep(0)

    def _tell(self, name, *arguments):
        # What happens before connection_made() waits for it.
        if self._connected:
            self._loop.call_soon(getattr(self._protocol, name), *arguments)
        else:
            self._untold.append((name, *arguments))

    def _pipe_lost(self, fd, exc):
        self._tell("pipe_connection_lost", fd, exc)
        self._finish_if_over()

    def _watch_exit(self):
        """See to it that `_exited` is called."""
        try:
            self._pidfd = os.pidfd_open(self._pid)
        except OSError:
            # No pidfd in this kernel or sandbox, or no descriptor is left.
            name = f"wait-{self._pid}"
            threading.Thread(target=_wait_in_thread, args=(self._loop, self), name=name, daemon=True).start()
        else:
            self._loop.add_reader(self._pidfd, self._exit_ready)

    def _exit_ready(self):
        self._loop.remove_reader(self._pidfd)
        self._close_pidfd()
        self._exited(_wait_for(self._proc))

    def _close_pidfd(self):
        pidfd, self._pidfd = self._pidfd, None
        if pidfd is not None:
            os.close(pidfd)

    def _exited(self, returncode):
        if self._loop.get_debug():
            logger.info("%r exited with return code %r", self, returncode)
        self._returncode = self._proc.returncode = returncode
        if isinstance(self._proc, _popen.Popen):
            self._proc.over()
        self._tell("process_exited")
        # Before those who wait go on: for them it is over.
        self._finish_if_over()
        # Not when the pipes are closed: a grandchild may hold them for ever.
        for waiter in self._exit_waiters:
            if not waiter.done():
                waiter.set_result(returncode)
        self._exit_waiters.clear()

    def _finish_if_over(self):
        # Not before every pipe has its transport: a quick child ends while they are made.
        if self._returncode is None or not self._connected:
            return
        if all(pipe.disconnected for pipe in self._pipes.values()):
            self._loop.call_soon(self._finish)

    def _finish(self):
        try:
            self._protocol.connection_lost(None)
        finally:
            self._over = True

    async def _wait(self):
        """Wait for the child's end; its return code."""
        if self._returncode is None:
            waiter = self._loop.create_future()
            self._exit_waiters.append(waiter)
            return await waiter
        return self._returncode

    def set_protocol(self, protocol):
        """Switch to another protocol."""
        self._protocol = protocol

    def get_protocol(self):
        """The protocol."""
        return self._protocol

    def is_closing(self):
        """Has `close` been called?"""
        return self._closed

    def close(self):
        """Close the pipes and kill a child that still runs. Idempotent."""
        if self._closed:
            return
        self._closed = True
        for pipe in self._pipes.values():
            if pipe.pipe is not None:
                pipe.pipe.close()
        # Those no transport has taken over yet: `_connect_pipes` was cancelled.
        for fd, file in enumerate((self._proc.stdin, self._proc.stdout, self._proc.stderr)):
            if file is not None and fd not in self._pipes:
                file.close()
        if self._returncode is None and self._runs():
            if self._loop.get_debug():
                logger.warning("Close running child process: kill %r", self)
            try:
                self.kill()
            except PermissionError:
                # It has changed its user: nothing we may do.
                pass

    def _runs(self):
        # Not so in a forked child, which has inherited this object: the process is its parent's. Nor after somebody else has
        # waited for it: the number may be another process's by now.
        try:
            return os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        except ChildProcessError:
            return False

    def get_pid(self):
        """The child's process id."""
        return self._pid

    def get_returncode(self):
        """The exit status, negative for a signal; None while the child runs."""
        return self._returncode

    def get_pipe_transport(self, fd):
        """The transport of the child's descriptor 0, 1 or 2; None where it is no pipe."""
        return self._pipes[fd].pipe if fd in self._pipes else None

    def send_signal(self, signal):
        """Send a signal; nothing happens after the child's end. Raises ProcessLookupError after `connection_lost`, PermissionError."""
        if self._over:
            raise ProcessLookupError()
        if self._returncode is not None:
            return
        try:
            os.kill(self._pid, signal)
        except ProcessLookupError:
            pass

    def terminate(self):
        """SIGTERM; see `send_signal`."""
        self.send_signal(signal.SIGTERM)

    def kill(self):
        """SIGKILL; see `send_signal`."""
        self.send_signal(signal.SIGKILL)


def _wake(waiter):
    if not waiter.done():
        waiter.set_result(None)


def _wait_in_thread(loop, transport):
    returncode = _wait_for(transport._proc)
    try:
        loop.call_soon_threadsafe(transport._exited, returncode)
    except RuntimeError:
        logger.warning("Loop %r that handles pid %r is closed", loop, transport.get_pid())


def _wait_for(popen):
    """Reap the child; its return code, or 255 where somebody else has been told it."""
    try:
        _, status = os.waitpid(popen.pid, 0)
    except ChildProcessError:
        if popen.returncode is not None:
            return popen.returncode
        logger.warning("child process pid %d exit status already read:  will report returncode 255", popen.pid)
        return 255
    return os.waitstatus_to_exitcode(status)


class Spawning:
    """`subprocess_exec`, `subprocess_shell`."""

    __slots__ = ()

    async def subprocess_exec(
        self,
        protocol_factory,
        program,
        *args,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=False,
        shell=False,
        bufsize=0,
        encoding=None,
        errors=None,
        text=None,
        **kwargs,
    ):
        """Start a program: (transport, protocol). Other keywords are those of `subprocess.Popen`. Raises ValueError, OSError."""
        if shell:
            raise ValueError("shell must be False")
        self._check_popen(universal_newlines, bufsize, text, encoding, errors)
        return await self._spawn(
            protocol_factory, (program, *args), shell=False, stdin=stdin, stdout=stdout, stderr=stderr, **kwargs
        )

    async def subprocess_shell(
        self,
        protocol_factory,
        cmd,
        *,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=False,
        shell=True,
        bufsize=0,
        encoding=None,
        errors=None,
        text=None,
        **kwargs,
    ):
        """Start a command line with the shell: (transport, protocol). See `subprocess_exec`."""
        if not isinstance(cmd, (bytes, str)):
            raise ValueError("cmd must be a string")
        if not shell:
            raise ValueError("shell must be True")
        self._check_popen(universal_newlines, bufsize, text, encoding, errors)
        return await self._spawn(
            protocol_factory, cmd, shell=True, stdin=stdin, stdout=stdout, stderr=stderr, **kwargs
        )

    @staticmethod
    def _check_popen(universal_newlines, bufsize, text, encoding, errors):
        if universal_newlines:
            raise ValueError("universal_newlines must be False")
        if bufsize != 0:
            raise ValueError("bufsize must be 0")
        if text:
            raise ValueError("text must be False")
        if encoding is not None:
            raise ValueError("encoding must be None")
        if errors is not None:
            raise ValueError("errors must be None")

    async def _spawn(self, protocol_factory, command, *, shell, stdin, stdout, stderr, **kwargs):
        protocol = protocol_factory()
        debug = self._debug
        if debug:
            # Not the arguments: there may be a password among them.
            program = command if shell else command[0]
            title = f"{'run shell command' if shell else 'execute program'} {program!r}"
            asyncio.BaseEventLoop._log_subprocess(self, title, stdin, stdout, stderr)
        popen = _popen.start(self, command, bufsize=0, shell=shell, stdin=stdin, stdout=stdout, stderr=stderr, **kwargs)
        transport = ProcessTransport(self, protocol, popen)
        transport._watch_exit()
        try:
            await transport._until_it_runs()
            if debug:
                logger.debug("process %r created: pid %s", program, transport.get_pid())
            await transport._connect_pipes()
        except BaseException:
            transport.close()
            await transport._wait()
            raise
        if debug:
            logger.info("%s: %r", title, transport)
        return transport, protocol
