"""A child is started as `subprocess.Popen` starts it: same surroundings, same errors; and the loop
goes on meanwhile."""

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

# What a child can tell of itself.
LOOK = """
import json, os, resource, signal, sys
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines())
print(json.dumps({
    "argv": sys.argv[1:],
    "cwd": os.getcwd(),
    # Without what readline puts into C's environment, of which posix_spawn in Popen does not know.
    "environment": {k: v for k, v in os.environ.items() if k not in ("LINES", "COLUMNS")},
    "umask": status["Umask"],
    # Without 32 and 33, which are the C library's own.
    "signals": [int(status[name], 16) & ~(3 << 31) for name in ("SigBlk", "SigIgn", "SigCgt")],
    "leads_session": os.getsid(0) == os.getpid(),
    "group": os.getpgrp() == os.getpid() or os.getpgrp() == os.getpgid(os.getppid()) or "other",
    "leads_group": os.getpgrp() == os.getpid(),
    "nice": os.nice(0),
    "processors": sorted(os.sched_getaffinity(0)),
    "users": [os.getresuid(), os.getresgid(), sorted(os.getgroups())],
    "descriptors": [fd for fd in range(3, 300) if os.path.exists(f"/proc/self/fd/{fd}")],
    "limits": resource.getrlimit(resource.RLIMIT_NOFILE),
}))
"""


@contextlib.contextmanager
def surroundings():
    """A thread and process with something to inherit, and something that must not be inherited."""
    handler = signal.signal(signal.SIGUSR1, lambda *args: None)
    ignored = signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(processors)})
    yield
    os.sched_setaffinity(0, processors)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    signal.signal(signal.SIGUSR2, ignored)
    signal.signal(signal.SIGUSR1, handler)


def keywords(tmp_path):
    yield "none", {}
    yield "cwd", {"cwd": tmp_path}
    yield "env", {"env": {"PATH": os.environ["PATH"], "COLOUR": "red"}}
    yield "session", {"start_new_session": True}
    yield "group", {"process_group": 0}
    yield "umask", {"umask": 0o27}
    yield "signals", {"restore_signals": False}
    yield "keep_all", {"close_fds": False}
    yield "preexec", {"preexec_fn": os.getpid}
    yield "stdin", {"stdin": subprocess.DEVNULL, "stderr": subprocess.STDOUT}
    if os.geteuid() == 0:
        yield "groups", {"group": 65534, "extra_groups": [65533]}


@pytest.mark.parametrize("name", [name for name, _ in keywords(None)])
def test_it_is_what_popen_would_have_made(run, tmp_path, name):
    kwargs = dict(keywords(tmp_path))[name]
    command = [sys.executable, "-I", "-c", LOOK, "argument", "ünicode"]
    read, write = os.pipe()
    # With numbers of their own: one to be passed on, one that is only with close_fds=False.
    kept = fcntl.fcntl(read, fcntl.F_DUPFD_CLOEXEC, 200)
    other = fcntl.fcntl(write, fcntl.F_DUPFD, 250)
    if name == "none":
        kwargs["pass_fds"] = [kept]

    async def main():
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, **kwargs)
        out, _ = await process.communicate()
        return json.loads(out)

    try:
        with surroundings():
            expected = json.loads(subprocess.run(command, stdout=subprocess.PIPE, **kwargs).stdout)
            assert run(main()) == expected
    finally:
        for fd in (read, write, kept, other):
            os.close(fd)


def children():
    """Children of this process, dead ones that nobody has waited for included."""
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as stat:
            if int(stat.read().rpartition(")")[2].split()[1]) == os.getpid():
                found.add(pid)
    return found


def failures(tmp_path):
    yield ["/nonexistent/program"], {}
    yield ["nonexistent-program"], {}
    yield [str(tmp_path)], {}
    yield ["/etc/passwd"], {}
    yield ["true"], {"cwd": "/nonexistent"}
    yield ["true"], {"env": {"PATH": "/nonexistent"}}
    yield ["true"], {"executable": "/nonexistent/program"}
    yield ["true"], {"process_group": 1}
    yield ["true"], {"preexec_fn": lambda: 1 / 0}
    yield ["true"], {"env": {"A=B": "c"}}
    yield ["true"], {"env": {"A": "\0"}}
    yield ["true"], {"pass_fds": [-1]}
    yield ["true"], {"umask": "x"}
    yield ["true", "\0"], {}
    yield ["true", 7], {}
    yield ["tr\0ue"], {}


@pytest.mark.parametrize("number", range(len(list(failures("/")))))
def test_it_fails_as_popen_fails(run, tmp_path, number):
    command, kwargs = list(failures(tmp_path))[number]
    with pytest.raises(Exception) as expected:
        subprocess.Popen(command, **kwargs)

    async def main():
        with pytest.raises(Exception) as error:
            await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, **kwargs)
        return error

    before = children()
    error = run(main())
    assert children() == before
    assert error.type is expected.type
    assert error.value.args == expected.value.args
    assert getattr(error.value, "filename", None) == getattr(expected.value, "filename", None)


def test_descriptors_that_are_in_each_others_way(script):
    """0, 1 and 2 are closed in the parent, so that the child's pipes get their numbers."""
    done = script("""
        import subprocess

        async def main():
            process = await asyncio.create_subprocess_exec(
                "sh", "-c", "read line; echo out $line; echo err $line >&2",
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )
            return await process.communicate(b"line\\n")

        loop = new_event_loop()
        kept = [os.dup(fd) for fd in range(3)]
        for closed in [0], [1, 2], [0, 1, 2], [0, 2]:
            for fd in closed:
                os.close(fd)
            result = loop.run_until_complete(main())
            for fd in range(3):
                os.dup2(kept[fd], fd)
            assert result == (b"out line\\n", b"err line\\n"), result
        loop.close()
        print("well")
        """)
    assert done.stdout == "well\n"


def test_it_is_audited(script):
    done = script("""
        events = []
        sys.addaudithook(lambda name, args: events.append(args) if name == "subprocess.Popen" else None)

        async def main():
            process = await asyncio.create_subprocess_exec("true", "argument", cwd="/")
            await process.wait()

        run(main())
        print(events)
        """)
    assert done.stdout == "[('true', ['true', 'argument'], '/', None)]\n"


def test_the_loop_goes_on_while_python_code_runs_in_the_child(flavour, run):
    if flavour.name == "asyncio":
        pytest.skip("stock waits in the loop's thread")

    async def main():
        left, right = socket.socketpair()
        # The child waits for a byte that this loop writes.
        starting = asyncio.create_task(
            asyncio.create_subprocess_exec("true", preexec_fn=lambda: left.recv(1))
        )
        for _ in range(100):
            await asyncio.sleep(0)
        assert not starting.done()
        right.send(b"x")
        assert await (await starting).wait() == 0
        left.close()
        right.close()

    run(main())


@pytest.fixture
def slow_program(tmp_path):
    """A program whose `exec` waits until it is released: somebody holds a lease on its file, as a file
    server does."""
    path = tmp_path / "program"
    shutil.copy(shutil.which("true"), path)
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)
    with open(path, "rb") as file:
        try:
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        except OSError:
            pytest.skip("a file system without leases")

        def is_waited_for():
            return fcntl.fcntl(file, fcntl.F_GETLEASE) != fcntl.F_WRLCK

        def release():
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)

        yield path, is_waited_for, release
        with contextlib.suppress(BlockingIOError):  # released already
            release()
    signal.signal(signal.SIGIO, before)


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="elsewhere vfork waits for exec")
def test_the_loop_goes_on_while_the_file_system_takes_its_time(flavour, run, slow_program):
    if flavour.name == "asyncio":
        pytest.skip("stock waits in the loop's thread, here for 45 seconds")
    path, is_waited_for, release = slow_program

    async def main():
        starting = asyncio.create_task(asyncio.create_subprocess_exec(path, stdout=subprocess.PIPE))
        while not is_waited_for():
            await asyncio.sleep(0)
        assert not starting.done()
        # Others start meanwhile.
        assert await (await asyncio.create_subprocess_exec("true")).wait() == 0
        release()
        process = await starting
        assert await process.communicate() == (b"", None)
        assert process.returncode == 0

    run(main())


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="elsewhere vfork waits for exec")
@pytest.mark.parametrize("how", ["cancel", "timeout"])
def test_giving_up_before_it_runs(flavour, run, slow_program, how):
    if flavour.name == "asyncio":
        pytest.skip("stock waits in the loop's thread, here for 45 seconds")
    path, is_waited_for, release = slow_program
    before = children()

    async def main():
        starting = asyncio.create_task(
            asyncio.create_subprocess_exec(path, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        )
        while not is_waited_for():
            await asyncio.sleep(0)
        if how == "cancel":
            starting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await starting
        else:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(starting, 0.01)
        # Killed and waited for.
        assert children() == before

    run(main())


def test_a_child_in_a_thread_that_ends(run):
    """`PR_SET_PDEATHSIG` is about the thread that made the child: it is the loop's."""
    program = (
        "import ctypes, signal, sys, time;"
        "ctypes.CDLL(None).prctl(1, signal.SIGKILL); print('set', flush=True);"
        "sys.stdin.readline(); print('alive')"
    )

    async def main():
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", program), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert await process.stdout.readline() == b"set\n"
        # Threads of pools and helpers would be gone by then.
        await asyncio.to_thread(time.sleep, 0.01)
        assert await process.communicate(b"\n") == (b"alive\n", None)

    run(main())
