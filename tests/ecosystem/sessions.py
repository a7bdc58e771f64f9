"""Sessions of Jupyter kernels and of a terminal's IPython for test_notebooks.py."""

import contextlib
import os
import re
import subprocess
import sys
import tempfile

import pexpect
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

WATCHDOG_SECONDS = int(os.environ.get("FERRIO_WATCHDOG_SECONDS", "300"))  # only a hang takes so long


def python(*arguments, **environment):
    """Run this interpreter; (exit status, stdout, stderr)."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=WATCHDOG_SECONDS,
        env={**os.environ, **environment},
    )
    return done.returncode, done.stdout, done.stderr


@contextlib.contextmanager
def kernel_manager(prefix, name):
    """What starts the kernel of this name, installed below the prefix or the interpreter's own; its sockets are files."""
    with tempfile.TemporaryDirectory(prefix="ferrio-") as directory:  # not tmp_path: paths of sockets are short
        specs = KernelSpecManager()
        specs.kernel_dirs.insert(0, str(prefix / "share" / "jupyter" / "kernels"))
        yield KernelManager(
            kernel_name=name,
            kernel_spec_manager=specs,
            transport="ipc",
            ip=f"{directory}/socket",
            connection_file=f"{directory}/connection.json",
        )


class Kernel:
    """A running kernel, cell by cell."""

    def __init__(self, manager, directory, *flags):
        self.manager = manager
        manager.start_kernel(cwd=str(directory), extra_arguments=list(flags))
        self._connect()

    def _connect(self):
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=WATCHDOG_SECONDS)

    def run(self, cell, answer=None, interrupt_at=None):
        """What the cell printed and returned, or the name of its exception. `answer` goes to input(); the kernel is
        interrupted when the cell has printed `interrupt_at`."""
        told = []

        def hear(message):
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                told.append(content["text"])
                if interrupt_at is not None and interrupt_at in content["text"]:
                    self.manager.interrupt_kernel()
            elif kind == "execute_result":
                told.append(content["data"]["text/plain"])
            elif kind == "error":
                told.append(content["ename"])

        self.client.execute_interactive(
            cell,
            allow_stdin=answer is not None,
            output_hook=hear,
            stdin_hook=lambda request: self.client.input(answer),
            timeout=WATCHDOG_SECONDS,
        )
        return "".join(told).strip()

    def restart(self):
        self.client.stop_channels()
        self.manager.restart_kernel()
        self._connect()

    def shut_down(self):
        """Ask the kernel to end, as a front end does, and see that it does so by itself."""
        process = self.manager.provisioner.process
        self.client.shutdown()
        return process.wait(WATCHDOG_SECONDS)

    def end(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


class Terminal:
    """IPython on a pseudo terminal."""

    def __init__(self, directory, *flags):
        self.process = pexpect.spawn(
            sys.executable,
            ["-m", "IPython", "--no-banner", "--no-confirm-exit", "--colors=NoColor", *flags],
            cwd=str(directory),
            env={**os.environ, "IPYTHONDIR": str(directory / "ipython"), "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"},
            encoding="utf-8",
            timeout=WATCHDOG_SECONDS,
            dimensions=(50, 250),
        )
        self.number = 1
        self._await_prompt()

    def _await_prompt(self):
        self.process.expect_exact(f"In [{self.number}]:")
        return _without_escapes(self.process.before)

    def run(self, line):
        """What the terminal shows for a cell of one line, until the next prompt."""
        self.process.send(line + "\r")
        self.number += 1
        return self._await_prompt()

    def interrupt(self, line, at):
        """Ctrl-C when the terminal shows these words of the cell's, then wait for KeyboardInterrupt and the next prompt."""
        self.process.send(line + "\r")
        self.process.expect_exact(at)
        self.process.sendintr()
        self.process.expect_exact("KeyboardInterrupt")
        # IPython 8 does not count a cell that ended so.
        self.process.expect(r"In \[(\d+)\]:")
        self.number = int(self.process.match[1])

    def end(self):
        """The exit status."""
        self.process.send("exit()\r")
        self.process.expect(pexpect.EOF)
        self.process.close()
        return self.process.exitstatus


def _without_escapes(text):
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\r", "", text)
