"""Children of multiprocessing inherit ferrio, however they are started; everything else about them is as under ``python``."""

import multiprocessing.util
import os
import signal
import subprocess
import sys
import textwrap
import time
import zipfile

import pytest

import ferrio

#: What stock asyncio calls the module of its loop, and what the same program prints on ferrio.
STOCK, OURS = "asyncio.unix_events", "ferrio"

POOLS = """\
import asyncio, concurrent.futures, multiprocessing, os, sys

class Thing:
    pass

async def loop_module():
    return type(asyncio.get_running_loop()).__module__

def work(thing):
    loop = asyncio.new_event_loop()
    loop.close()
    return asyncio.run(loop_module()), type(loop).__module__, type(thing) is Thing, sys.argv, os.path.basename(os.getcwd())

def main():
    print(asyncio.run(loop_module()), flush=True)
    if "chdir" in sys.argv:
        os.chdir("elsewhere")
    for method in ("fork", "forkserver", "spawn"):
        context = multiprocessing.get_context(method)
        try:
            with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
                print(method, pool.submit(work, Thing()).result(), flush=True)
        except Exception as error:
            print(method, type(error).__name__, flush=True)

if __name__ == "__main__":
    main()
"""


@pytest.fixture
def start(tmp_path):
    """Start a command line in a directory with `files`, under python or under ``python -m ferrio``."""
    (tmp_path / "elsewhere").mkdir()
    # In debug mode both say on stderr what was slow.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONASYNCIODEBUG"}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"

    def start(launcher, *arguments, files=(), flags=(), **named):
        for name, text in dict(files).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        return subprocess.Popen(
            [sys.executable, *flags, *launcher, *arguments],
            **{
                "cwd": tmp_path,
                "text": True,
                "stdin": subprocess.PIPE,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                "env": environment,
                **named,
            },
        )

    return start


@pytest.fixture
def run(start):
    """Run it to its end; what it prints."""

    def run(launcher, *arguments, stdin="", quiet=True, **named):
        with start(launcher, *arguments, **named) as process:
            out, error = process.communicate(stdin)
        assert process.returncode == 0, error
        assert not (quiet and error), error
        return out

    return run


@pytest.fixture
def both(run):
    """Under both: the loops are each one's own, all else is the same. What python printed."""

    def both(*arguments, **named):
        stock, ours = (run(launcher, *arguments, **named) for launcher in ((), ("-m", "ferrio")))
        assert ours == stock.replace(STOCK, OURS)
        assert stock.count(STOCK)
        return stock

    return both


FILE = {"app.py": POOLS, "deep/er/app.py": POOLS}
PACKAGE = {"pkg/__init__.py": "", "pkg/__main__.py": POOLS, "pkg/part.py": POOLS}
PACKAGE["pkg/inner.py"] = POOLS
PACKAGE["pkg/__main__.py"] = "from pkg.inner import main\nif __name__ == '__main__':\n    main()\n"


@pytest.mark.parametrize(
    ("arguments", "files"),
    [
        (("app.py", "x"), FILE),
        (("./deep/er/app.py", "--override"), FILE),
        (("deep/../app.py", "chdir"), FILE),
        (("-m", "app", "x"), FILE),
        (("-m", "app", "chdir"), FILE),
        (("-m", "deep.er.app"), FILE),
        (("-m", "pkg"), PACKAGE),
        (("-m", "pkg.part", "chdir"), PACKAGE),
        (("pkg",), {**PACKAGE, "pkg/__main__.py": "from inner import main\nmain()\n"}),
    ],
    ids=" ".join,
)
def test_pools_run_functions_of_the_program(both, arguments, files):
    out = both(*arguments, files=files)
    assert out.count(STOCK) == 7 and "Error" not in out


def test_pools_of_a_program_in_a_zip_file(both, tmp_path):
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as file:
        file.writestr("inner.py", POOLS)
        file.writestr("__main__.py", "from inner import main\nif __name__ == '__main__':\n    main()\n")
    assert both("app.zip", "chdir").count(STOCK) == 7


@pytest.mark.parametrize("kind", ["-c", "-"])
def test_what_has_no_file_works_where_it_works_under_python(both, kind):
    """Forked children only: the others cannot import a main module that is in no file."""
    if kind == "-c":
        out = both("-c", POOLS, quiet=False)
    else:
        out = both("-", stdin=POOLS, quiet=False)
    assert "fork ('asyncio" in out and "spawn BrokenProcessPool" in out


@pytest.mark.parametrize("flags", [("-I",), ("-bb", "-W", "error::BytesWarning"), ("-O", "-X", "utf8")], ids=" ".join)
def test_flags_of_the_interpreter_hold(both, flags):
    both("app.py", files={"app.py": POOLS}, flags=flags)


# Everything that passes work to children, used from a running loop, whose own work goes on meanwhile.
FROM_A_LOOP = """\
import asyncio, concurrent.futures, multiprocessing, os, signal, sys

async def loop_module():
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "pass")
    await process.wait()
    return type(asyncio.get_running_loop()).__module__

def put(queue, value):
    queue.put((value, asyncio.run(loop_module())))

def grandchild(method, value):
    context = multiprocessing.get_context(method)
    queue = context.SimpleQueue()
    process = context.Process(target=put, args=(queue, value))
    process.start()
    process.join()
    return queue.get(), process.exitcode

async def echo(reader, writer):
    writer.write(await reader.readline())
    writer.close()

async def ask(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"still here\\n")
    answer = await reader.readline()
    writer.close()
    return answer

async def use(method):
    server = await asyncio.start_server(echo, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, print, "a signal")
    context = multiprocessing.get_context(method)
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        jobs = [loop.run_in_executor(pool, grandchild, method, number) for number in range(2)]
        print(method, await asyncio.gather(*jobs, ask(port)))
    with context.Manager() as manager:
        queue = manager.Queue()
        process = context.Process(target=put, args=(queue, "managed"))
        process.start()
        print(await asyncio.to_thread(queue.get))
        await asyncio.to_thread(process.join)
    os.kill(os.getpid(), signal.SIGUSR1)
    print(await ask(port), await loop_module())
    server.close()

if __name__ == "__main__":
    for method in sys.argv[1:]:
        asyncio.run(use(method))
"""


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_from_a_running_loop(both, method):
    # From 3.12 on, python warns of a fork in a process with threads, on both.
    flags = ("-W", "ignore::DeprecationWarning")
    out = both("app.py", method, files={"app.py": FROM_A_LOOP}, flags=flags)
    assert out.count(STOCK) == 4 and out.count("still here") == 2 and "a signal" in out


def test_a_pool_with_an_initializer_and_the_tools_of_multiprocessing(both):
    program = """\
        import asyncio, multiprocessing
        from multiprocessing import shared_memory

        LOOP = None

        def initialize(lock):
            global LOOP
            LOOP = asyncio.new_event_loop()

        async def double(x):
            await asyncio.sleep(0)
            return 2 * x, type(LOOP).__module__

        def work(x):
            return LOOP.run_until_complete(double(x))

        if __name__ == "__main__":
            for method in ("fork", "forkserver", "spawn"):
                context = multiprocessing.get_context(method)
                with context.Pool(2, initialize, (context.Lock(),)) as pool:
                    print(pool.map(work, range(3)), pool.apply_async(work, (9,)).get())
                memory = shared_memory.SharedMemory(create=True, size=8)
                memory.close()
                memory.unlink()
        """
    assert both("app.py", files={"app.py": program}).count(STOCK) == 12


def test_a_fork_server_that_imports_the_program_first(both):
    program = """\
        import asyncio, multiprocessing

        def loop_module():
            loop = asyncio.new_event_loop()
            loop.close()
            return type(loop).__module__

        SERVER = loop_module()

        def work(_):
            return SERVER, loop_module()

        if __name__ == "__main__":
            multiprocessing.set_start_method("forkserver")
            multiprocessing.set_forkserver_preload(["__main__", "helper"])
            with multiprocessing.Pool(1) as pool:
                print(pool.map(work, [1]))
        """
    assert both("app.py", files={"app.py": program, "helper.py": "import asyncio"}).count(STOCK) == 2


def test_an_unguarded_program_is_told_what_python_tells_it(start):
    program = {"app.py": "import multiprocessing\nmultiprocessing.get_context('spawn').Process(target=print).start()\n"}
    for launcher in ((), ("-m", "ferrio")):
        with start(launcher, "app.py", files=program) as process:
            _, error = process.communicate()
        assert "An attempt has been made to start a new process before" in error
        if sys.version_info >= (3, 13):
            # The line of the code that multiprocessing starts the child with.
            assert "from multiprocessing.spawn import spawn_main" in error and "inherit" not in error


def test_other_programs_do_not_inherit(run):
    program = """\
        import subprocess, sys
        other = "import asyncio, sys; print(type(asyncio.new_event_loop()).__module__, 'ferrio' in sys.modules)"
        subprocess.run([sys.executable, "-c", other])
        """
    assert run(("-m", "ferrio"), "app.py", files={"app.py": program}) == f"{STOCK} False\n"


@pytest.mark.parametrize("multiprocessing_first", [True, False])
def test_children_of_a_program_that_installs_ferrio_itself(run, multiprocessing_first):
    program = """\
        import asyncio, concurrent.futures, os
        import ferrio

        def work():
            loop = asyncio.new_event_loop()
            loop.close()
            return type(loop).__module__

        def children():
            import multiprocessing
            for method in ("fork", "forkserver", "spawn"):
                context = multiprocessing.get_context(method)
                with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
                    yield pool.submit(work).result()
            if method == "spawn":
                from multiprocessing.forkserver import _forkserver
                _forkserver._stop()

        async def main():
            return list(children())

        if __name__ == "__main__":
            ferrio.install()
            print(*children())
            ferrio.uninstall()
            print(*children())
            print(*ferrio.run(main()))
            print(*children())
        """
    if multiprocessing_first:
        program = textwrap.dedent(program).replace("import ferrio", "import multiprocessing.util, ferrio")
    inherited, not_inherited = f"{OURS} {OURS} {OURS}\n", f"{STOCK} {STOCK} {STOCK}\n"
    assert run((), "app.py", files={"app.py": program}) == 2 * (inherited + not_inherited)


def test_uninstall_takes_everything_back():
    start, finders = multiprocessing.util.spawnv_passfds, list(sys.meta_path)
    ferrio.install()
    assert multiprocessing.util.spawnv_passfds is not start
    ferrio.uninstall()
    assert multiprocessing.util.spawnv_passfds is start
    assert sys.meta_path == finders


def test_ferrio_is_installed_while_a_thread_imports_multiprocessing(run):
    program = """\
        import sys, threading, time
        import ferrio

        def be_slow(frame, event, argument):
            if frame.f_code.co_filename.endswith("multiprocessing/util.py"):
                time.sleep(0.2)

        def import_it():
            sys.settrace(be_slow)
            import multiprocessing.util

        thread = threading.Thread(target=import_it)
        thread.start()
        while "multiprocessing.util" not in sys.modules:
            time.sleep(0.001)
        ferrio.install()
        thread.join()
        print(sys.modules["multiprocessing.util"].spawnv_passfds.__module__)
        """
    assert run((), "app.py", files={"app.py": program}) == "ferrio._children\n"


def test_children_find_ferrio_where_their_parent_found_it(run, tmp_path):
    """In the parent's working directory, say, which the program has left: -S hides the installed one."""
    (tmp_path / "app.py").write_text(POOLS)
    package = os.path.dirname(os.path.dirname(ferrio.__file__))
    out = run(("-m", "ferrio"), tmp_path / "app.py", "chdir", flags=("-S",), cwd=_beside(tmp_path, package))
    assert out.count("'ferrio'") == 6


def _beside(tmp_path, package):
    """A directory that has the package and a folder to change to."""
    folder = tmp_path / "checkout"
    (folder / "elsewhere").mkdir(parents=True)
    (folder / "ferrio").symlink_to(os.path.join(package, "ferrio"))
    return folder


def test_modules_in_the_working_directory_are_not_taken_for_the_stdlibs(both):
    """Under python, a child of spawn imports asyncio when its path is its parent's already."""
    both("deep/er/app.py", files={**FILE, "ssl.py": "raise SystemExit('not the real ssl')"}, flags=("-P",))


def test_importing_ferrio_imports_no_multiprocessing(run):
    show = "import sys; print([name for name in sys.modules if name.startswith(('multiprocessing', 'uvloop'))])"
    assert run(("-m", "ferrio"), "-c", show) == "[]\n"


def _sleeps(pid):
    """Does the process wait in the kernel?"""
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0] == "S"


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_ctrl_c_ends_parent_and_children(start, method):
    program = """\
        import asyncio, multiprocessing, os, sys

        async def forever():
            os.write(1, b"%d\\n" % os.getpid())
            await asyncio.sleep(600)

        def work():
            asyncio.run(forever())

        if __name__ == "__main__":
            context = multiprocessing.get_context(sys.argv[1])
            # Before the loop runs: a child that is forked in a coroutine has its parent's handler, on both.
            children = [context.Process(target=work) for _ in range(2)]
            for child in children:
                child.start()
            try:
                asyncio.run(forever())
            finally:
                for child in children:
                    child.join()
                print([child.exitcode for child in children])
        """
    ends = []
    for launcher in ((), ("-m", "ferrio")):
        with start(launcher, "app.py", method, files={"app.py": program}, start_new_session=True) as process:
            running = {int(process.stdout.readline()) for _ in range(3)}
            # A signal between the interpreter's last look and `epoll_wait` waits for the next event, on asyncio.
            while not all(map(_sleeps, running)):
                time.sleep(0.01)
            children = running - {process.pid}
            os.killpg(process.pid, signal.SIGINT)
            out, _ = process.communicate()
        ends.append((process.returncode, out))
        for child in children:
            with pytest.raises(ProcessLookupError):
                os.kill(child, 0)
    assert ends[0] == ends[1] == (-signal.SIGINT, "[1, 1]\n")
