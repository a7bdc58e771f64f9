"""Every use of what ``--legacy`` puts back warns at the program's own line, and says what is written today; nothing else warns."""

import pathlib
import re
import subprocess
import sys

# A comment "warns: …" has a part of the message that the line above, or its own, must bring.
PROGRAM = """\
import asyncio, os
from concurrent.futures import ProcessPoolExecutor

loop = asyncio.get_event_loop()  # warns: asyncio.run()

@asyncio.coroutine  # warns: async def
def old():
    yield from asyncio.sleep(0)

async def new():
    return 1

async def main():
    await old()
    await asyncio.sleep(0, loop=loop)  # warns: leave it out
    await asyncio.create_task(asyncio.sleep(0, loop=loop))  # warns: leave it out
    await asyncio.wait([new()])  # warns: asyncio.create_task()
    await asyncio.wait([asyncio.ensure_future(new())])
    await asyncio.wait([asyncio.ensure_future(new())], loop=loop)  # warns: leave it out
    await asyncio.wait_for(new(), 60)
    await asyncio.wait_for(new(), 60, loop=loop)  # warns: leave it out
    await asyncio.gather(new(), old())
    await asyncio.gather(new(), loop=loop)  # warns: leave it out
    await asyncio.shield(new(), loop=loop)  # warns: leave it out
    await asyncio.shield(new())
    for each in asyncio.as_completed([new()]):
        await each
    for each in asyncio.as_completed([new()], loop=loop):  # warns: leave it out
        await each
    await asyncio.ensure_future(new(), loop=loop)
    asyncio.Lock(), asyncio.Queue(), asyncio.Queue(loop=None), asyncio.StreamReader(loop=loop)
    for make in (asyncio.Lock, asyncio.Event, asyncio.Condition, asyncio.Semaphore, asyncio.BoundedSemaphore, asyncio.Queue):
        make()
        make(loop=loop)  # warns: leave it out
    class Mine(asyncio.Queue):
        def __init__(self):
            super().__init__(loop=loop)  # warns: leave it out
    Mine()
    lock = asyncio.Lock()
    async with lock:
        pass
    with await lock:  # warns: async with lock
        pass
    process = await asyncio.create_subprocess_exec("true", loop=loop)  # warns: leave it out
    await process.wait()
    process = await asyncio.create_subprocess_shell("true")
    await process.wait()
    server = await asyncio.start_server(print, "127.0.0.1", 0, loop=loop)  # warns: leave it out
    server.close()
    asyncio.Task.all_tasks()  # warns: write asyncio.all_tasks()
    asyncio.Task.current_task()  # warns: write asyncio.current_task()
    asyncio.get_event_loop()
    asyncio.JoinableQueue()  # warns: write asyncio.Queue
    getattr(asyncio, "async")(new()).cancel()  # warns: ensure_future
    asyncio.compat.PY35  # warns: every Python
    with ProcessPoolExecutor(1) as pool:
        loop.set_default_executor(pool)  # warns: run_in_executor()

loop.run_until_complete(main())
"""


def test_at_the_line(tmp_path):
    path = tmp_path / "old.py"
    path.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-W", "always::DeprecationWarning", "-m", "ferrio", "--legacy", str(path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    lines = PROGRAM.splitlines()
    expected = {number: line.partition("# warns: ")[2] for number, line in enumerate(lines, 1) if "# warns: " in line}
    found = re.findall(r"^(.+?):(\d+): DeprecationWarning: (.*)$", done.stderr, re.MULTILINE)
    # The interpreter's own about forks in threads come with the process pool.
    ours = [(name, int(line), text) for name, line, text in found if "fork" not in text]
    assert {name for name, *_ in ours} == {str(path)}, done.stderr
    assert {line for _, line, _ in ours} == set(expected), done.stderr
    for _, line, text in ours:
        assert "is no longer in asyncio: " in text and expected[line] in text


def test_with_the_decorator_it_names_the_line_of_an_imported_module(tmp_path):
    (tmp_path / "library.py").write_text("import asyncio\n@asyncio.coroutine\ndef f(): yield\n")
    done = subprocess.run(
        [sys.executable, "-W", "always", "-m", "ferrio", "--legacy", "-c", "import library"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0
    assert f"{pathlib.Path(tmp_path, 'library.py')}:2: DeprecationWarning" in done.stderr


def test_a_library_does_not_warn_by_default(tmp_path):
    # What Python shows by default is what __main__ does.
    (tmp_path / "library.py").write_text("import asyncio\n@asyncio.coroutine\ndef f(): yield\n")
    done = subprocess.run(
        [sys.executable, "-m", "ferrio", "--legacy", "-c", "import library"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin"},
    )
    assert (done.returncode, done.stderr) == (0, "")
