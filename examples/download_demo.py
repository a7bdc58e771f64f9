"""Run picture_server.py and download.py, two unmodified programs, on ferrio, asyncio and uvloop.

usage: download_demo.py [--pictures N] [--rounds N] [--seed N] [--damage]

Server and client are separate processes, both on the same loop; each says itself which loop runs
it. After every download each file is compared with its original, byte by byte. The speed is the
client's: from the first request to the last saved file, median of all rounds. Any difference,
crash or wrong loop ends the demo with status 1 and the logs of both programs.
"""

import argparse
import collections
import contextlib
import importlib.util
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import make_pictures

HERE = pathlib.Path(__file__).resolve().parent

# asyncio.run takes its loop from the policy where nobody passes a loop factory, so this is how an
# unmodified program runs on uvloop. From 3.12 on uvloop warns that policies are on their way out.
ON_UVLOOP = """\
import runpy, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
import uvloop
uvloop.install()
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""

COMMANDS = {
    "ferrio": [sys.executable, "-m", "ferrio"],
    "asyncio": [sys.executable],
    "uvloop": [sys.executable, "-c", ON_UVLOOP],
}

HOW = {
    "ferrio": "python -m ferrio picture_server.py, python -m ferrio download.py",
    "asyncio": "python picture_server.py, python download.py",
    "uvloop": "the same after uvloop.install()",
}

SERVES = re.compile(r"(\d+) pictures at (http://\S+) \(loop: (\S+)\)\n")
FETCHED = re.compile(r"(\d+) pictures, .* ([\d.]+) s, .*\(loop: (\S+)\)\n")

START_SECONDS, RUN_SECONDS, STOP_SECONDS = 60, 300, 30  # only a hang takes so long


class Failed(Exception):
    """The demo found something wrong; the text says what."""


def right_loop(program, loop, kind):
    """Raise Failed unless the class a program ran on belongs to the loop it was started with."""
    if kind.split(".")[0] != loop:
        raise Failed(f"{program} was started on {loop}, but ran on {kind}")


@contextlib.contextmanager
def server(loop, originals, logs):
    """The server, running; gives its index's address. Stopped by process id, whatever happens."""
    log = logs / "server.log"
    command = [*COMMANDS[loop], str(HERE / "picture_server.py"), str(originals)]
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not (announced := SERVES.search(log.read_text())):
            if process.poll() is not None:
                raise Failed(f"the server on {loop} ended with status {process.returncode}")
            if time.monotonic() > deadline:
                raise Failed(f"the server on {loop} did not start within {START_SECONDS} s")
            time.sleep(0.01)
        right_loop("the server", loop, announced[3])
        yield announced[2]
        if process.poll() is not None:
            raise Failed(f"the server on {loop} ended early, with status {process.returncode}")
    finally:
        process.terminate()
        try:
            status = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
    if status != 0:
        raise Failed(f"the server on {loop} ended with status {status} when told to stop")


def client(loop, index_url, out, logs, live):
    """Run the client; returns its seconds. `live`: its progress goes to the terminal, not a log."""
    command = [*COMMANDS[loop], str(HERE / "download.py"), index_url, str(out)]
    with (logs / "client.out").open("w+") as output, (logs / "client.err").open("w") as errors:
        try:
            done = subprocess.run(
                command, stdout=output, stderr=None if live else errors, timeout=RUN_SECONDS
            )
        except subprocess.TimeoutExpired:
            raise Failed(f"the client on {loop} was not done after {RUN_SECONDS} s") from None
        if done.returncode != 0:
            raise Failed(f"the client on {loop} ended with status {done.returncode}")
        output.seek(0)
        said = output.read()
    summary = FETCHED.fullmatch(said)
    if summary is None:
        raise Failed(f"the client on {loop} ended without its summary line")
    right_loop("the client", loop, summary[3])
    if live:
        print("  " + said, end="", flush=True)
    return float(summary[2])


def compare(originals, copies):
    """Raise Failed unless both directories hold the same names with the same bytes."""
    expected, got = (sorted(path.name for path in each.iterdir()) for each in (originals, copies))
    if expected != got:
        raise Failed(f"{len(got)} files arrived, {len(expected)} were there: not the same names")
    for name in expected:
        if (originals / name).read_bytes() != (copies / name).read_bytes():
            raise Failed(f"{name} did not arrive as it was sent")


def one_round(loop, originals, served, directory, live):
    """Server up, client through, server down, every file compared. Returns the client's seconds."""
    out = directory / "downloaded"
    out.mkdir()
    with server(loop, served, directory) as index_url:
        if served != originals:  # --damage: after the server has summed its pictures
            damage(served)
        seconds = client(loop, index_url, out, directory, live)
    compare(originals, out)
    shutil.rmtree(out)
    return seconds


def damage(directory):
    """Flip one bit in the middle of one picture."""
    victim = sorted(directory.iterdir())[-1]
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)


def loops():
    """The loops to compare: uvloop only where it is installed."""
    if importlib.util.find_spec("uvloop"):
        return list(COMMANDS)
    print("uvloop is not installed: no row for it (pip install uvloop)")
    return [loop for loop in COMMANDS if loop != "uvloop"]


def table(seconds, pictures, megabytes):
    """Print one row per loop: pictures, MB, the median of its speeds and the ratio to uvloop's."""
    speed = {loop: statistics.median(megabytes / s for s in each) for loop, each in seconds.items()}
    heads = ("pictures", 8), ("MB", 6), ("MB/s", 8), ("pictures/s", 11), ("to uvloop", 10)
    print(f"\n{'loop':8}", *(f"{head:>{width}}" for head, width in heads))
    for loop, mbs in speed.items():
        each_second = pictures / megabytes * mbs
        ratio = f"{mbs / speed['uvloop']:.2f}" if "uvloop" in speed else "-"
        print(f"{loop:8} {pictures:8} {megabytes:6.1f} {mbs:8.1f} {each_second:11.0f} {ratio:>10}")


def demo(options, directory):
    """The whole demo, in a directory of its own. Raises Failed."""
    originals = served = directory / "originals"
    originals.mkdir()
    megabytes = make_pictures.make(originals, options.pictures, options.seed) / 1e6
    made = f"{options.pictures} pictures, PNG and BMP, {megabytes:.1f} MB (seed {options.seed})"
    print("made", made)
    if options.damage:
        served = directory / "served"
        shutil.copytree(originals, served)

    seconds = collections.defaultdict(list)
    names = loops()
    # Loops take turns, so that what else the machine does hits all of them.
    for number in range(1, options.rounds + 1):
        for loop in names:
            print(f"round {number} of {options.rounds}: {HOW[loop]}", flush=True)
            live = loop == "ferrio" and number == 1
            seconds[loop].append(one_round(loop, originals, served, directory, live))

    table(seconds, options.pictures, megabytes)
    listed = ", ".join(names[:-1]) + " and " + names[-1]
    print(f"all {options.pictures} pictures arrived whole on {listed}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=240, help="how many (default 240)")
    parser.add_argument("--rounds", type=int, default=5, help="downloads per loop (default 5)")
    parser.add_argument("--seed", type=int, default=1, help="of the pictures (default 1)")
    parser.add_argument("--damage", action="store_true", help="flip one bit: the demo must notice")
    options = parser.parse_args()
    if options.pictures < 1 or options.rounds < 1:
        parser.error("--pictures and --rounds: at least 1")

    # Told to stop, leave through the finally blocks: no server stays behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with tempfile.TemporaryDirectory(prefix="ferrio-demo-") as name:
        directory = pathlib.Path(name)
        try:
            demo(options, directory)
        except Failed as failure:
            for log in ("server.log", "client.out", "client.err"):
                if (directory / log).exists() and (text := (directory / log).read_text()):
                    print(f"--- {log}\n{text}", file=sys.stderr, end="")
            sys.exit(f"FAILED: {failure}")


if __name__ == "__main__":
    main()
