"""The short programs that talk to a server print the same under python and under python -m ferrio, and do what they say."""

import contextlib
import pathlib
import subprocess
import sys

import pytest

pytest.importorskip("trustme", reason="the servers need trustme: pip install -r requirements/ecosystem.txt")

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
sys.path.insert(0, str(ROOT / "tests" / "ecosystem"))

from servers import mariadb, redis_server  # noqa: E402, F401 (fixtures)

WAYS = {"python": (), "ferrio": ("-m", "ferrio")}
WATCHDOG_SECONDS = 120  # only a hang takes so long


def output(way, program, *arguments):
    done = subprocess.run(
        [sys.executable, *WAYS[way], str(EXAMPLES / program), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=WATCHDOG_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("way", WAYS)
def test_redis(way, redis_server):  # noqa: F811
    pytest.importorskip("redis")
    assert output(way, "with_redis.py", f"redis://127.0.0.1:{redis_server.port}").splitlines() == [
        "car: red - boat: None",
        "visits: [1, 2, 3, 4, 5]",
        "pipeline: [1, {'x': '1'}]",
        "job: wash",
        "job: dry",
        "subscribe - 1",
        "message - it rains",
        "deleted: 3",
    ]


@pytest.mark.parametrize("way", WAYS)
def test_mysql(way, mariadb):  # noqa: F811
    pytest.importorskip("aiomysql")
    address = f"mysql://tester:secret@127.0.0.1:{mariadb.port}/test"
    assert output(way, "with_mysql.py", address).splitlines() == [
        "rolled back: Duplicate entry 'Rex' for key 'PRIMARY'",
        "pets: (('Rex', 3), ('Tom', 5))",
        "squares: [0, 1, 4, 9, 16, 25, 36, 49, 64, 81]",
        "connections: True",
    ]


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """A directory of four pictures."""
    directory = tmp_path_factory.mktemp("originals")
    subprocess.run([sys.executable, EXAMPLES / "make_pictures.py", directory, "4"], check=True, capture_output=True)
    return directory


@contextlib.contextmanager
def picture_server(directory):
    """examples/picture_server.py, serving the directory; gives the address of the pictures."""
    command = [sys.executable, EXAMPLES / "picture_server.py", directory]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            index = next(word for word in process.stdout.readline().split() if word.startswith("http"))
            yield index.replace("index.json", "pictures")
        finally:
            process.terminate()


@pytest.mark.parametrize("way", WAYS)
def test_the_download(way, originals, tmp_path):
    names = sorted(path.name for path in originals.iterdir())
    with picture_server(originals) as address:
        urls = [f"{address}/{name}" for name in (*names, "missing.png")]
        told = output(way, "image_download.py", tmp_path / "saved", *urls).splitlines()
    sizes = [(originals / name).stat().st_size for name in names]
    assert told == [
        *(f"{name}: {name[-3:].upper()}, {size} bytes" for name, size in zip(names, sizes, strict=True)),
        "missing.png: 404 Not Found",
        "saved: 4",
    ]
    assert {path.name: path.read_bytes() for path in (tmp_path / "saved").iterdir()} == {
        path.name: path.read_bytes() for path in originals.iterdir()
    }
