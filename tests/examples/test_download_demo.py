"""The demo keeps its word: it ends well only if every picture arrived whole on every loop."""

import importlib.util
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("aiohttp")

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
DEMO = EXAMPLES / "download_demo.py"
HAS_UVLOOP = importlib.util.find_spec("uvloop") is not None
LOOPS = ["ferrio", "asyncio", "uvloop"] if HAS_UVLOOP else ["ferrio", "asyncio"]

WATCHDOG_SECONDS = 120  # only a hang takes so long


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=WATCHDOG_SECONDS,
        env={**os.environ, **environment},
    )


@pytest.fixture
def demo(monkeypatch):
    """The driver as a module, and what it leaves in this process taken back."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    spec = importlib.util.spec_from_file_location("download_demo", DEMO)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("make_pictures", None)


@pytest.fixture
def originals(demo, tmp_path):
    directory = tmp_path / "originals"
    directory.mkdir()
    demo.make_pictures.make(directory, 6, seed=3)
    return directory


@pytest.fixture
def logs(tmp_path):
    directory = tmp_path / "logs"
    directory.mkdir()
    return directory


@pytest.fixture
def out(tmp_path):
    directory = tmp_path / "out"
    directory.mkdir()
    return directory


def test_it_shows_every_loop_and_says_that_all_arrived(tmp_path):
    done = run(DEMO, "--pictures", 12, "--rounds", 2, TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()

    # The client's own words, live, on ferrio: progress on stderr, the summary on stdout.
    assert "12 of 12 pictures" in done.stderr
    assert re.search(r"^  12 pictures, [\d.]+ MB, .* \(loop: ferrio\.\w+\)$", done.stdout, re.M)

    table = lines.index(next(line for line in lines if line.startswith("loop ")))
    rows = [line.split() for line in lines[table + 1 : -1]]
    assert [row[0] for row in rows] == LOOPS
    for _, pictures, megabytes, speed, per_second, ratio in rows:
        assert int(pictures) == 12
        assert float(megabytes) > 1
        assert float(speed) > 0 and float(per_second) > 0
        assert float(ratio) > 0 if HAS_UVLOOP else ratio == "-"
    listed = " and ".join([", ".join(LOOPS[:-1]), LOOPS[-1]])
    assert lines[-1] == f"all 12 pictures arrived whole on {listed}"
    assert list(tmp_path.iterdir()) == []


def test_it_does_without_uvloop(demo, monkeypatch, capsys):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "uvloop" else find_spec(name)
    )
    assert demo.loops() == ["ferrio", "asyncio"]
    assert "uvloop is not installed" in capsys.readouterr().out


def test_it_fails_when_a_picture_is_damaged_on_its_way(tmp_path):
    done = run(DEMO, "--pictures", 5, "--rounds", 1, "--damage", TMPDIR=str(tmp_path))
    assert done.returncode == 1
    assert "damaged: 0004.png: SHA-256 is not the one in the index" in done.stderr
    assert "--- server.log" in done.stderr
    assert "FAILED: the client on ferrio ended with status 1" in done.stderr
    assert "arrived whole" not in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("loop", LOOPS)
def test_the_client_notices_what_changed_behind_the_index(demo, originals, logs, out, loop):
    with demo.server(loop, originals, logs) as index_url:
        (originals / "0002.png").write_bytes(b"short")
        (originals / "0003.bmp").unlink()
        with pytest.raises(demo.Failed, match="ended with status 1"):
            demo.client(loop, index_url, out, logs, live=False)
        assert "404" in (logs / "client.err").read_text()

        (originals / "0003.bmp").write_bytes(b"")
        with pytest.raises(demo.Failed, match="ended with status 1"):
            demo.client(loop, index_url, out, logs, live=False)
    said = (logs / "client.err").read_text()
    assert "damaged: 0002.png: 5 bytes, the index says" in said
    assert "damaged: 0003.bmp: 0 bytes, the index says" in said
    assert "stopped" in (logs / "server.log").read_text()


def test_the_driver_does_not_rely_on_the_client(demo, originals, tmp_path):
    copies = tmp_path / "copies"
    demo.shutil.copytree(originals, copies)
    demo.compare(originals, copies)
    demo.damage(copies)
    with pytest.raises(demo.Failed, match="0005.png did not arrive as it was sent"):
        demo.compare(originals, copies)
    (copies / "0005.png").unlink()
    with pytest.raises(demo.Failed, match="5 files arrived, 6 were there"):
        demo.compare(originals, copies)


def test_a_program_on_another_loop_than_asked_for_is_a_failure(
    demo, originals, logs, monkeypatch
):
    monkeypatch.setitem(demo.COMMANDS, "ferrio", demo.COMMANDS["asyncio"])
    with pytest.raises(demo.Failed, match="started on ferrio, but ran on asyncio"):
        with demo.server("ferrio", originals, logs):
            pass
    assert "stopped" in (logs / "server.log").read_text()


def test_a_server_that_cannot_start_is_a_failure(demo, logs, tmp_path):
    with pytest.raises(demo.Failed, match="the server on ferrio ended with status 1"):
        with demo.server("ferrio", tmp_path / "nowhere", logs):
            pass
    assert "FileNotFoundError" in (logs / "server.log").read_text()


def is_alive(pid):
    """Not ended, or ended and only waiting for whoever has adopted it (proc(5))."""
    try:
        return pathlib.Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_no_server_stays_behind_when_the_demo_is_told_to_stop(tmp_path):
    process = subprocess.Popen(
        [sys.executable, DEMO, "--pictures", "5", "--rounds", "1000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    with process:
        try:
            while not process.stdout.readline().startswith("round 2"):
                assert process.poll() is None
            children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
            while not (pids := children.read_text().split()):
                time.sleep(0.01)
            process.send_signal(signal.SIGTERM)
            assert process.wait(WATCHDOG_SECONDS) == 128 + signal.SIGTERM
        finally:
            process.kill()
    deadline = time.monotonic() + WATCHDOG_SECONDS
    while stayed := [pid for pid in pids if is_alive(pid)]:
        assert time.monotonic() < deadline, stayed
        time.sleep(0.01)
    assert list(tmp_path.iterdir()) == []
