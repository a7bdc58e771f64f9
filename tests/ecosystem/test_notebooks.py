"""Notebooks and IPython: the kernel that runs on ferrio, and ``%load_ext ferrio`` where a session began without it."""

import contextlib
import json
import pathlib
import sys

import pytest

for package in ("ipykernel", "nbclient", "pexpect"):
    pytest.importorskip(package, reason=f"{package} is not installed: requirements/ecosystem.txt, where there are wheels of pyzmq")

import nbclient  # noqa: E402
import nbformat  # noqa: E402
from sessions import WATCHDOG_SECONDS, Kernel, Terminal, kernel_manager, python  # noqa: E402

NOTEBOOK = pathlib.Path(__file__).resolve().parents[2] / "examples" / "notebook.ipynb"
LOOP = "import asyncio; type(asyncio.get_running_loop()).__module__"
STOCK, OURS = "asyncio.unix_events", "ferrio"

# The threads are ZeroMQ's, in C; the child replaces itself by IPython at once.
on_a_terminal = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of forkpty:DeprecationWarning")


@pytest.fixture(autouse=True)
def nothing_of_the_users(tmp_path, monkeypatch):
    """Neither their configuration nor their kernels count, and nothing is written there."""
    for name in ("HOME", "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    (tmp_path / "home").mkdir()


@pytest.fixture(scope="session")
def prefix(tmp_path_factory):
    """Where the ferrio kernel is installed."""
    prefix = tmp_path_factory.mktemp("prefix")
    status, told, complaints = python("-m", "ferrio.kernel", "install", "--prefix", prefix)
    directory = prefix / "share" / "jupyter" / "kernels" / "ferrio"
    assert (status, told, complaints) == (0, f"Installed kernelspec ferrio in {directory}\n", "")
    return prefix


@pytest.fixture
def kernel(prefix, tmp_path):
    """``kernel(name, *flags)``: a running kernel, ended after the test."""
    with contextlib.ExitStack() as stack:

        def start(name, *flags):
            running = Kernel(stack.enter_context(kernel_manager(prefix, name)), tmp_path, *flags)
            stack.callback(running.end)
            return running

        yield start


def executed(prefix, name, notebook, tmp_path):
    """The texts of each code cell's outputs after the notebook has run from top to bottom on the kernel."""
    notebook = nbformat.v4.upgrade(notebook)
    with kernel_manager(prefix, name) as manager:
        here = {"metadata": {"path": str(tmp_path)}}
        nbclient.NotebookClient(notebook, manager, timeout=WATCHDOG_SECONDS, resources=here).execute()
    return outputs(notebook)


def outputs(notebook):
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return ["".join(each.get("text") or each["data"]["text/plain"] for each in cell.outputs) for cell in cells]


def notebook(*cells):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])


def test_the_notebook_on_our_kernel(prefix, tmp_path):
    example = nbformat.read(NOTEBOOK, 4)
    promised = outputs(example)
    assert promised[:4] == ["", "2", "4", "[6, 4, 2]"]
    example.cells.append(nbformat.v4.new_code_cell(LOOP))
    assert executed(prefix, "ferrio", example, tmp_path) == [*promised, repr(OURS)]


def test_the_notebook_on_the_stock_kernel(prefix, tmp_path):
    example = nbformat.read(NOTEBOOK, 4)
    promised = outputs(example)
    example.cells.append(nbformat.v4.new_code_cell(LOOP))
    told, *rest = executed(prefix, "python3", example, tmp_path)
    assert rest == [*promised[1:], repr(STOCK)]
    assert told == (
        "ferrio: this session has its loop already, so it stays asyncio.unix_events._UnixSelectorEventLoop; "
        "run_until_complete and asyncio.run now work in its cells. For a kernel on ferrio: python -m ferrio.kernel install --user, then choose "
        "'Python 3 (ferrio)' as the notebook's kernel.\n"
    )


def test_the_stock_kernel_without_the_extension(prefix, tmp_path):
    # What the two tests above are about.
    cells = notebook("import asyncio", "asyncio.get_event_loop().run_until_complete(asyncio.sleep(0))")
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="This event loop is already running"):
        executed(prefix, "python3", cells, tmp_path)


def test_the_extension_in_the_configuration_of_the_stock_kernel(kernel):
    """ipykernel 6 has made its loop when it loads extensions, and was deaf after it: found by starting one."""
    session = kernel("python3", "--ext=ferrio")
    assert session.run("import asyncio; asyncio.run(asyncio.sleep(0, 'nested'))") == "'nested'"
    assert session.run("asyncio.get_event_loop().run_until_complete(asyncio.sleep(0, 'again'))") == "'again'"


def test_tasks_go_on_between_cells(kernel):
    session = kernel("ferrio")
    assert session.run(LOOP) == repr(OURS)
    session.run("""
        reached = asyncio.Event()
        steps = 0
        async def go_on():
            global steps
            while True:
                steps += 1
                await asyncio.sleep(0)
        task = asyncio.create_task(go_on())
        asyncio.get_running_loop().call_later(0.01, reached.set)
    """)
    session.run("before = steps")
    assert session.run("await reached.wait(); steps > before") == "True"
    # A nested run gives its turns to the others as well.
    session.run("before = steps; asyncio.run(asyncio.sleep(0.01))")
    assert session.run("steps > before, task.done(), task.cancel()") == "(True, False, True)"
    assert session.run("await asyncio.wait([task]); task.cancelled()") == "True"


def test_gui_asyncio(kernel):
    session = kernel("ferrio")
    assert session.run("%gui asyncio") == ""
    assert session.run(f"{LOOP}, await asyncio.sleep(0, 'awaited'), asyncio.run(asyncio.sleep(0, 'nested'))") == str(
        (OURS, "awaited", "nested")
    )


def test_input(kernel):
    session = kernel("ferrio")
    assert session.run("name = input('name? '); name", answer="Ann") == "'Ann'"
    assert session.run("import getpass; getpass.getpass()", answer="secret") == "'secret'"
    nested = "import asyncio\nasync def ask(): return input()\nasyncio.run(ask())"
    assert session.run(nested, answer="nested") == "'nested'"


#: Each says "here" once it is in the middle.
INTERRUPTED = {
    "computing": "say()\nwhile True: pass",
    "blocked": "say()\ntime.sleep(1000)",
    "nested": "asyncio.get_event_loop().run_until_complete(say_and_sleep())",
    "asyncio.run": "asyncio.run(say_and_sleep())",
    "awaiting": "say()\nawait asyncio.sleep(1000)",
}
SAYING = """
import asyncio, time

def say():
    print("here", flush=True)

async def say_and_sleep():
    say()
    await asyncio.sleep(1000)

other = asyncio.create_task(asyncio.sleep(1000))
"""


def test_ctrl_c_in_a_cell(kernel):
    session = kernel("ferrio")
    session.run(SAYING)
    ended = {how: session.run(cell, interrupt_at="here").split() for how, cell in INTERRUPTED.items()}
    # A cell that awaits is a task to ipykernel, which cancels it.
    assert ended == {how: ["here", "CancelledError" if how == "awaiting" else "KeyboardInterrupt"] for how in INTERRUPTED}
    assert session.run("asyncio.run(asyncio.sleep(0, 'alive')), other.done(), other.cancel()") == "('alive', False, True)"


def test_restart_and_shutdown(kernel):
    session = kernel("ferrio")
    session.run("x = 1")
    session.restart()
    assert session.run("'x' in globals()") == "False"
    assert session.run(LOOP) == repr(OURS)
    assert session.shut_down() == 0


def test_what_lies_beside_the_notebook(kernel, tmp_path):
    # Learners call their files so; a stock kernel starts there as well.
    for name in ("queue", "socket", "signal", "tornado"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong one')\n")
    (tmp_path / "beside.py").write_text("here = True\n")
    assert kernel("ferrio").run("import beside, queue; beside.here, queue.Queue().empty()") == "(True, True)"


@on_a_terminal
@pytest.mark.parametrize("flags", [["--simple-prompt"], []], ids=["simple prompt", "full prompt"])
def test_a_terminal(tmp_path, flags):
    terminal = Terminal(tmp_path, *flags)
    awaited = "import asyncio; f'<{type(await asyncio.sleep(0, asyncio.get_running_loop())).__module__}>'"
    assert f"<{STOCK}>" in terminal.run(awaited)
    terminal.run("%load_ext ferrio")
    assert f"<{OURS}>" in terminal.run(awaited)
    if not flags:
        # The prompt says while it is shown which loop shows it.
        terminal.run("loops = set(); look = lambda app: loops.add(type(app.loop).__module__)")
        terminal.run("get_ipython().pt_app.app.before_render.add_handler(look)")
        assert f"<['{OURS}']>" in terminal.run("f'<{sorted(loops)}>'")
    terminal.run("run = (await asyncio.sleep(0, asyncio.get_running_loop())).run_until_complete")
    terminal.run("await asyncio.sleep(0); a, b = run(asyncio.sleep(0, 1)), asyncio.run(asyncio.sleep(0, 41))")
    assert "<42>" in terminal.run("f'<{a + b}>'")
    terminal.interrupt("print('he' 're', flush=True); await asyncio.sleep(1000)", at="here")
    # A task waits while nobody runs the loop, and goes on with the next cell that awaits, also after a reload.
    terminal.run("task = asyncio.create_task(asyncio.sleep(0, 'went on')); await asyncio.sleep(0)")
    terminal.run("%reload_ext ferrio")
    assert "<went on>" in terminal.run("f'<{await task}>'")
    terminal.run("%unload_ext ferrio")
    assert f"<{STOCK}>" in terminal.run(awaited)
    assert terminal.end() == 0


@on_a_terminal
def test_gui_asyncio_in_a_terminal(tmp_path):
    # The prompt runs on the loop of the cells then, so that tasks go on while it waits.
    terminal = Terminal(tmp_path)
    terminal.run("%load_ext ferrio")
    terminal.run("%gui asyncio")
    terminal.run("import asyncio; reached = []")
    terminal.run("exec('async def go_on(): await asyncio.sleep(0.01); reached.append(1); print(\"at the\", \"prompt\")')")
    terminal.process.send("task = await asyncio.sleep(0, asyncio.create_task(go_on()))\r")
    terminal.process.expect_exact("at the prompt")
    terminal.number += 1
    assert "<ferrio [1]>" in terminal.run("f'<{type(task.get_loop()).__module__} {reached}>'")
    assert terminal.end() == 0


def test_the_kernelspec(prefix):
    directory = prefix / "share" / "jupyter" / "kernels" / "ferrio"
    spec = json.loads((directory / "kernel.json").read_text())
    assert spec["display_name"] == "Python 3 (ferrio)"
    assert spec["language"] == "python"
    assert spec["argv"][0] == sys.executable
    assert spec["argv"][-4:] == ["-m", "ferrio.kernel", "-f", "{connection_file}"]
    assert (directory / "logo-64x64.png").read_bytes().startswith(b"\x89PNG")


def test_install_for_this_user_under_another_name(tmp_path):
    status, told, _ = python("-m", "ferrio.kernel", "install", "--user", "--name", "fast", "--display-name", "Fast")
    assert status == 0, told
    (spec,) = tmp_path.rglob("kernels/fast/kernel.json")
    assert str(spec.parent) in told
    assert json.loads(spec.read_text())["display_name"] == "Fast"


def test_refused_installs(tmp_path):
    status, _, complaint = python("-m", "ferrio.kernel", "install", "--prefix", tmp_path, "--name", "a b")
    assert status == 1
    assert complaint.startswith("python -m ferrio.kernel: Invalid kernel name 'a b'")
    status, _, complaint = python("-m", "ferrio.kernel", "install", "--user", "--sys-prefix")
    assert status == 2
    assert "not allowed with argument" in complaint


@pytest.mark.parametrize("arguments", [["install", "--user"], ["-f", "nowhere"]], ids=["install", "start"])
def test_without_ipykernel(tmp_path, arguments):
    missing = tmp_path / "packages"
    missing.mkdir()
    (missing / "ipykernel.py").write_text("raise ModuleNotFoundError(\"No module named 'ipykernel'\", name='ipykernel')\n")
    status, told, complaint = python("-m", "ferrio.kernel", *arguments, PYTHONPATH=str(missing))
    assert (status, told) == (1, "")
    assert complaint == (
        f"python -m ferrio.kernel: the kernel needs ipykernel, which is not installed: {sys.executable} -m pip install ipykernel\n"
    )


def test_a_loop_that_cannot_run_nested():
    code = "import ferrio, uvloop\nasync def load(): ferrio.load_ipython_extension(None)\nuvloop.run(load())"
    status, told, complaint = python("-W", "ignore", "-c", code)
    assert (status, complaint) == (0, "")
    assert told.startswith("ferrio: this session has its loop already, so it stays uvloop.Loop, and cannot run nested: ")
    assert told.count("\n") == 1


def test_nobody_else_imports_ipython():
    code = "import sys, ferrio, ferrio.kernel; print([each for each in sys.modules if 'ipy' in each.lower() or 'zmq' in each])"
    assert python("-c", code) == (0, "[]\n", "")
