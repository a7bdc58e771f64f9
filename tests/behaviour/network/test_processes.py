"""Child processes: their bytes, their end, signals, errors; nothing is left behind."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys

import pytest


def python(code, **kwargs):
    return asyncio.create_subprocess_exec(sys.executable, "-c", code, **kwargs)


def test_bytes_go_in_and_come_out(run):
    async def main():
        code = "import sys; data = sys.stdin.buffer.read(); sys.stdout.buffer.write(data[::-1])"
        process = await python(code, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        sent = os.urandom(1_000_000)
        out, err = await process.communicate(sent)
        assert out == sent[::-1]
        assert err is None
        assert process.returncode == 0

    run(main())


@pytest.mark.parametrize("code, expected", [("raise SystemExit(7)", 7), ("", 0)])
def test_the_exit_status(run, code, expected):
    async def main():
        process = await python(code)
        assert await process.wait() == expected == process.returncode
        assert await process.wait() == expected

    run(main())


def test_a_child_killed_by_a_signal(run):
    async def main():
        process = await asyncio.create_subprocess_exec("sleep", "1000")
        process.kill()
        assert await process.wait() == -signal.SIGKILL
        with pytest.raises(ProcessLookupError):
            process.kill()

    run(main())


def test_signals_between_the_end_of_a_child_and_that_of_its_pipes(run):
    """A grandchild keeps the pipe: the protocol has not heard of the end yet."""

    async def main():
        process = await asyncio.create_subprocess_exec(
            "sh", "-c", "sleep 1000 & echo $!", stdout=subprocess.PIPE
        )
        grandchild = int(await process.stdout.readline())
        try:
            while process.returncode is None:
                await asyncio.sleep(0.001)
            process.terminate()
            process.kill()
            process.send_signal(signal.SIGINT)
        finally:
            os.kill(grandchild, signal.SIGKILL)
        assert await process.stdout.read() == b""
        await asyncio.sleep(0)
        for send in process.terminate, process.kill:
            with pytest.raises(ProcessLookupError):
                send()

    run(main())


def test_a_command_line(run):
    async def main():
        process = await asyncio.create_subprocess_shell(
            "echo out; echo err >&2; exit 3", stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert await process.communicate() == (b"out\n", b"err\n")
        assert process.returncode == 3

    run(main())


def test_keywords_of_popen(run, tmp_path):
    async def main():
        code = "import os; print(os.getcwd(), os.environ['COLOUR'], os.getsid(0) == os.getpid())"
        process = await python(
            code,
            stdout=subprocess.PIPE,
            cwd=tmp_path,
            env={"COLOUR": "red"},
            start_new_session=True,
        )
        out, _ = await process.communicate()
        assert out.decode().split() == [str(tmp_path), "red", "True"]

    run(main())


def test_many_at_once(run):
    async def main():
        async def one(number):
            process = await asyncio.create_subprocess_exec(
                "sh", "-c", f"echo {number}; exit {number}", stdout=subprocess.PIPE
            )
            out, _ = await process.communicate()
            return int(out), process.returncode

        assert await asyncio.gather(*map(one, range(20))) == [(n, n) for n in range(20)]

    run(main())


def test_wait_does_not_wait_for_a_grandchild_that_keeps_the_pipe(flavour, run):
    if flavour.name == "asyncio":
        pytest.skip("stock 3.11.? to 3.13.0 waits for the pipe: gh-119710")

    async def main():
        process = await asyncio.create_subprocess_exec(
            "sh", "-c", "sleep 1000 & echo $!", stdout=subprocess.PIPE
        )
        grandchild = int(await process.stdout.readline())
        try:
            assert await process.wait() == 0
        finally:
            os.kill(grandchild, signal.SIGKILL)
        assert await process.stdout.read() == b""

    run(main())


def test_what_the_protocol_is_told(run):
    class Told(asyncio.SubprocessProtocol):
        def __init__(self):
            self.events = []
            self.over = asyncio.get_running_loop().create_future()

        def connection_made(self, transport):
            self.events.append("made")

        def pipe_data_received(self, fd, data):
            self.events.append((fd, data))

        def pipe_connection_lost(self, fd, exc):
            self.events.append((fd, exc))

        def process_exited(self):
            self.events.append("exited")

        def connection_lost(self, exc):
            self.events.append("lost")
            self.over.set_result(exc)

    async def main():
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.subprocess_exec(Told, "sh", "-c", "echo hello")
        assert isinstance(transport, asyncio.SubprocessTransport)
        assert transport.get_pid() == transport.get_extra_info("subprocess").pid
        assert isinstance(transport.get_pipe_transport(0), asyncio.WriteTransport)
        assert isinstance(transport.get_pipe_transport(1), asyncio.ReadTransport)
        assert transport.get_pipe_transport(7) is None
        assert await protocol.over is None
        events = protocol.events
        assert events[0] == "made" and events[-1] == "lost"
        assert {(1, b"hello\n"), (0, None), (1, None), (2, None), "exited"} == {*events[1:-1]} - {(0, BrokenPipeError)}
        assert transport.get_returncode() == 0
        transport.close()

    run(main())


def test_close_kills_a_child_that_still_runs(run):
    async def main():
        loop = asyncio.get_running_loop()
        transport, _ = await loop.subprocess_exec(asyncio.SubprocessProtocol, "sleep", "1000")
        transport.close()
        transport.close()
        assert transport.is_closing()
        assert await transport._wait() == -signal.SIGKILL

    run(main())


@pytest.mark.parametrize("end", ["transport.close()", "transport.__del__()"])
def test_a_forked_child_leaves_its_parents_children_alone(script, end):
    """It has inherited the transport, which the program closes there, or the collector."""
    done = script(
        f"""
        async def main():
            loop = asyncio.get_running_loop()
            stdin, questions = os.pipe()
            answers, stdout = os.pipe()
            transport, _ = await loop.subprocess_exec(
                asyncio.SubprocessProtocol, "cat", stdin=stdin, stdout=stdout, stderr=None
            )
            os.close(stdout)
            pid = os.fork()
            if pid == 0:
                os.close(questions)
                {end}
                os._exit(0)
            # Nothing of the loop, whose epoll is also that of the forked child.
            os.waitpid(pid, 0)
            os.write(questions, b"still here")
            os.close(questions)
            os.write(1, os.read(answers, 100))
            os._exit(0)
        run(main())
        """,
        flags=("-W", "ignore"),
    )
    assert done.stdout == "still here"


def test_close_sends_no_signal_to_a_child_that_somebody_has_waited_for(run, monkeypatch):
    signals = []

    async def main():
        loop = asyncio.get_running_loop()
        transport, _ = await loop.subprocess_exec(
            asyncio.SubprocessProtocol, "true", stdin=None, stdout=None, stderr=None
        )
        with contextlib.suppress(ChildProcessError):  # Asyncio's own thread was quicker.
            os.waitpid(transport.get_pid(), 0)
        monkeypatch.setattr(os, "kill", lambda pid, number: signals.append(number))
        transport.close()
        await transport._wait()

    run(main())
    assert signals == []


def test_a_program_that_is_not_there(run):
    async def main():
        with pytest.raises(FileNotFoundError):
            await asyncio.create_subprocess_exec("/nonexistent/program")

    run(main())


def test_a_reader_that_goes_away(run):
    async def main():
        process = await asyncio.create_subprocess_exec("true", stdin=subprocess.PIPE)
        await process.wait()
        process.stdin.write(b"x" * 1_000_000)
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            await process.stdin.drain()
            await process.stdin.drain()

    run(main())


def test_arguments_that_make_no_sense(run):
    async def main():
        loop = asyncio.get_running_loop()
        make = asyncio.SubprocessProtocol
        with pytest.raises(ValueError, match="universal_newlines must be False"):
            await loop.subprocess_exec(make, "true", universal_newlines=True)
        for size in 1, -1, None:
            with pytest.raises(ValueError, match="bufsize must be 0"):
                await loop.subprocess_exec(make, "true", bufsize=size)
        with pytest.raises(ValueError, match="encoding must be None"):
            await loop.subprocess_exec(make, "true", encoding="utf-8")
        with pytest.raises(ValueError, match="shell must be False"):
            await loop.subprocess_exec(make, "true", shell=True)
        with pytest.raises(ValueError, match="shell must be True"):
            await loop.subprocess_shell(make, "true", shell=False)
        with pytest.raises(ValueError, match="cmd must be a string"):
            await loop.subprocess_shell(make, 7)

    run(main())


def test_debug_mode_logs_the_program_without_its_arguments(run, log):
    async def main():
        process = await asyncio.create_subprocess_exec(
            "true", "--password=secret", stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        await process.communicate()
        shell = await asyncio.create_subprocess_shell("exit 3", stdin=subprocess.DEVNULL)
        await shell.wait()
        with pytest.raises(FileNotFoundError):
            await asyncio.create_subprocess_exec("/nonexistent", "secret")
        return process.pid, shell.pid

    one, two = run(main(), debug=True)
    messages = [(record.levelname, record.getMessage()) for record in log.records]
    said = [(level, text.partition(": <")[0]) for level, text in messages]
    for expected in (
        ("DEBUG", "execute program 'true' stdout=stderr=<pipe>"),
        ("DEBUG", f"process 'true' created: pid {one}"),
        ("INFO", "execute program 'true'"),
        ("DEBUG", f"run shell command 'exit 3' stdin={subprocess.DEVNULL}"),
        ("DEBUG", f"process 'exit 3' created: pid {two}"),
        ("INFO", "run shell command 'exit 3'"),
        ("DEBUG", "execute program '/nonexistent'"),
    ):
        assert said.count(expected) == 1, expected
    assert not [text for _, text in messages if "secret" in text]


def test_from_another_thread_than_the_main_one(run):
    async def main():
        process = await asyncio.create_subprocess_exec("echo", "hi", stdout=subprocess.PIPE)
        out, _ = await process.communicate()
        return out

    async def outer():
        return await asyncio.to_thread(run, main())

    assert run(outer()) == b"hi\n"
