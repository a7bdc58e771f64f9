"""What the stress programs share: they keep books on descriptors, tasks and child processes, and
run on the loop of the module that their command line names.

    python tests/stress/programs/PROGRAM.py asyncio|ferrio ARGUMENT...

A program prints one JSON document. Whatever goes wrong is on stderr: tracebacks, errors that the
asyncio logger was told.
"""

import asyncio
import gc
import importlib
import json
import logging
import os
import resource
import sys
import threading
import time
import traceback

#: How long the books may take to balance: a peer's close needs a turn or two, a killed child a
#: moment.
PATIENCE_SECONDS = 20


class _Errors(logging.Handler):
    """Errors go to stderr; warnings (slow callbacks in debug mode, `kill` of a running child) do
    not."""

    def emit(self, record):
        print(self.format(record), file=sys.stderr)


def descriptors():
    """Open descriptors, each with what it is: {(3, "socket:[4711]"), …}."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            found.add((int(name), os.readlink(f"/proc/self/fd/{name}")))
        except FileNotFoundError:  # the descriptor of the listing itself
            continue
    return found


def has_children():
    """Is there any child process, running or a zombie?"""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


class Books:
    """What there was at one moment, to be compared with what there is later."""

    def __init__(self, threads_open_files=False):
        #: Does a thread that nobody waits for, a look-up's, open and close files of its own? Then fewer are no loss.
        self.threads_open_files = threads_open_files
        self.descriptors = descriptors()
        self.tasks = self._tasks()
        self.children = has_children()

    @staticmethod
    def _tasks():
        try:
            return {task for task in asyncio.all_tasks() if not task.done()}
        except RuntimeError:  # no loop runs
            return set()

    def differences(self):
        """What there is now and was not then, or the other way round: a list of strings."""
        now = Books()
        found = [f"descriptor {fd} more" for fd in now.descriptors - self.descriptors]
        if not self.threads_open_files:
            found += [f"descriptor {fd} less" for fd in self.descriptors - now.descriptors]
        found += [f"{task!r} more" for task in now.tasks - self.tasks]
        if now.children and not self.children:
            found.append("a child process, or a zombie")
        return found

    async def balance(self, what=""):
        """Wait until nothing is different; AssertionError after a while."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE_SECONDS
        while found := self.differences():
            if sys.argv[1] == "asyncio":
                # It may take the collector; not on ferrio.
                gc.collect()
            if loop.time() > deadline:
                gc.collect()
                raise AssertionError(f"{what}: {found}; after a collection: {self.differences()}")
            await asyncio.sleep(0.001)


def allow_descriptors(wanted):
    """Raise RLIMIT_NOFILE as far as wanted and allowed: how many descriptors there may be."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
        except (ValueError, PermissionError):
            wanted = hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard)))
    return wanted


def resident_kib():
    """Memory of this process in the machine's memory."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def new_event_loop():
    """A loop of the module under test."""
    return importlib.import_module(sys.argv[1]).new_event_loop()


def run(main, *args):
    """Run main(*args) on a new loop, with the books balanced around it; its result."""
    before = Books()
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        result = runner.run(main(*args))
    gc.collect()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while found := before.differences():
        assert time.monotonic() < deadline, found
        time.sleep(0.001)
    return result


def program(main, *kinds):
    """Run a program's coroutine function with the command line's arguments, each made by its kind,
    and print the result."""
    logger = logging.getLogger("asyncio")
    logger.addHandler(_Errors(logging.ERROR))
    logger.propagate = False
    if sys.argv[1] != "asyncio":
        # With all that the module has in asyncio's place.
        importlib.import_module(sys.argv[1]).install()
    # Descriptors that live as long as the process are opened before the first count.
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(asyncio.sleep(0))
    try:
        print(json.dumps(run(main, *(kind(text) for kind, text in zip(kinds, sys.argv[2:])))))
    except AssertionError:
        traceback.print_exc()
        sys.exit(1)
    threads = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    assert not threads, threads
