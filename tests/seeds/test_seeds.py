"""Programs that learners of asyncio write, run unmodified by ``python -m ferrio``: each ends by printing OK."""

import asyncio
import hashlib
import os
import pathlib
import sys
import threading

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from seed_programs import PROGRAMS, prints_ok, run  # noqa: E402

PATTERNS = ("s0_*.py", "s1_*.py", "s2_running.py", "s3_*.py", "s4_notes.py")
FOUND = sorted(path for pattern in PATTERNS for path in PROGRAMS.glob(pattern))
# They ask for a loop where nobody has made one: an error since 3.14, for asyncio and for ferrio.
UNTIL_313 = {"s0_basic", "s0_wait"}
HINT = "ferrio: this program is written for an older Python, and runs with python -m ferrio --legacy …\n"


def test_the_programs_are_all_there():
    assert len(FOUND) == 6, FOUND
    assert (PROGRAMS / "s2_legacy.py").exists()


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_it_prints_ok(path, tmp_path):
    done = run(path, OUT=str(tmp_path))
    if path.stem in UNTIL_313 and sys.version_info >= (3, 14):
        ends_with_the_hint(path, done, "RuntimeError: There is no current event loop in thread 'MainThread'.")
        return
    prints_ok(done)


@pytest.mark.parametrize("path", [*FOUND, PROGRAMS / "s2_legacy.py"], ids=lambda path: path.stem)
def test_it_prints_ok_with_legacy(path, tmp_path):
    prints_ok(run(path, "--legacy", OUT=str(tmp_path)))


def test_without_legacy_an_old_program_ends_as_under_python():
    path = PROGRAMS / "s2_legacy.py"
    ends_with_the_hint(path, run(path), "AttributeError: module 'asyncio' has no attribute 'coroutine'")


def ends_with_the_hint(path, done, error):
    plain = run(path, launcher=())
    assert error in plain.stderr
    # Besides the one line, and behind it what the interpreter says at its end, all is the same.
    assert done.stderr.count(HINT) == 1 and error in done.stderr.partition(HINT)[0]
    assert (done.returncode, done.stdout, done.stderr.replace(HINT, "")) == (plain.returncode, plain.stdout, plain.stderr)


@pytest.mark.parametrize("options", [(), ("--nested",)], ids=["plain", "nested"])
def test_the_notebook(options):
    # The program asks for it itself, to know what to expect.
    done = run(PROGRAMS / "s2_notebook.py", *options, arguments=options)
    assert (done.returncode, done.stdout) == (0, "OK\n"), done.stderr


@pytest.fixture
def pictures():
    """An aiohttp server on ferrio in a thread: its address, and the bodies it serves."""
    from aiohttp import web

    import ferrio

    bodies = {f"{n}.png": os.urandom(1000 + 7001 * n) for n in range(60)}
    ready, address = threading.Event(), []

    async def serve(stop):
        app = web.Application()
        app.router.add_get("/{name}", lambda request: answer(bodies[request.match_info["name"]]))
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        address.append("http://127.0.0.1:%d" % site._server.sockets[0].getsockname()[1])
        ready.set()
        await stop.wait()
        await runner.cleanup()

    async def answer(body):
        return web.Response(body=body)

    stop, loops = asyncio.Event(), []

    async def main():
        loops.append(asyncio.get_running_loop())
        await serve(stop)

    thread = threading.Thread(target=ferrio.run, args=(main(),))
    thread.start()
    assert ready.wait(60)
    yield address[0], bodies
    loops[0].call_soon_threadsafe(stop.set)
    thread.join()


def test_the_download(pictures, tmp_path):
    address, bodies = pictures
    urls = tmp_path / "urls"
    urls.write_text("\n".join(f"{address}/{name}" for name in bodies))
    out = tmp_path / "out"
    out.mkdir()
    done = run(PROGRAMS / "s4_download.py", URLS=str(urls), OUT=str(out))
    prints_ok(done)
    for name, body in bodies.items():
        assert hashlib.sha256((out / name).read_bytes()).digest() == hashlib.sha256(body).digest()
