"""Every behaviour test runs twice with one body: on stock asyncio (id "asyncio") and on ferrio (id
"ferrio").

A test that the stock loop fails is a wrong test; a test that only ferrio fails is a bug in ferrio.
Around each test stand three guards: a watchdog against hangs, a count of open file descriptors, and
the asyncio logger, whose errors fail the test unless it asked for the ``log`` fixture.
"""

import asyncio
import faulthandler
import gc
import logging
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import textwrap

import pytest
from flavours import FLAVOURS

# No test is judged by how long it takes; this only turns a hang into a traceback and a red run.
WATCHDOG_SECONDS = int(os.environ.get("FERRIO_WATCHDOG_SECONDS", "180"))

#: Self-signed, with its key, made for these tests.
CERTIFICATE = pathlib.Path(__file__).parent / "network" / "localhost.pem"

_SCRIPT_HEAD = """\
import faulthandler
faulthandler.dump_traceback_later({watchdog}, exit=True)
import asyncio, sys, os
from {module} import new_event_loop, {exports}
def run(main, **kwargs):
    with asyncio.Runner(loop_factory=new_event_loop, **kwargs) as runner:
        return runner.run(main)
"""

_watchdog_fd = None


def pytest_configure(config):
    """Keep the real stderr for the watchdog, and make an unraisable exception an error."""
    global _watchdog_fd
    _watchdog_fd = os.dup(2)
    _warm_up()
    config.addinivalue_line(
        "markers", "keeps_fds: the test leaves process-wide descriptors open by design"
    )
    config.addinivalue_line(
        "markers", "debug_off: the test says what a loop does that is not in debug mode"
    )
    config.addinivalue_line("filterwarnings", "error::pytest.PytestUnraisableExceptionWarning")
    config.addinivalue_line("filterwarnings", "error::pytest.PytestUnhandledThreadExceptionWarning")


def pytest_runtest_setup(item):
    if item.get_closest_marker("debug_off") is not None:
        if sys.flags.dev_mode or os.environ.get("PYTHONASYNCIODEBUG"):
            pytest.skip("says what a loop does that is not in debug mode")


@pytest.fixture(params=FLAVOURS, ids=lambda flavour: flavour.name)
def flavour(request):
    """The implementation under test: name, new_event_loop, Future, Task."""
    return request.param


@pytest.fixture
def loop_factory(flavour):
    """A callable that makes a new event loop of the implementation under test."""
    return flavour.new_event_loop


@pytest.fixture
def loop(loop_factory):
    """One open loop, not set as anybody's current loop; closed when the test ends."""
    loop = loop_factory()
    yield loop
    if not loop.is_closed():
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


@pytest.fixture
def run(loop_factory):
    """``asyncio.run`` with the loop under test (asyncio.run has no loop_factory before 3.12)."""

    def run(main, *, debug=None):
        with asyncio.Runner(loop_factory=loop_factory, debug=debug) as runner:
            return runner.run(main)

    return run


@pytest.fixture
def ends():
    """The two ends of a pair of sockets, non-blocking."""
    left, right = socket.socketpair()
    left.setblocking(False)
    right.setblocking(False)
    yield left, right
    left.close()
    right.close()


@pytest.fixture
def server_context():
    """TLS for a server with the certificate "localhost"."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


@pytest.fixture
def client_context():
    """TLS for a client that trusts that server."""
    return ssl.create_default_context(cafile=CERTIFICATE)


@pytest.fixture
def reported():
    """Contexts given to the exception handler of a loop: ``loop.set_exception_handler(reported)``."""

    class Reported(list):
        def __call__(self, loop, context):
            self.append(context)

        @property
        def messages(self):
            return [context["message"] for context in self]

    return Reported()


@pytest.fixture
def script(flavour, tmp_path):
    """Run a program in a fresh interpreter; ``run`` and ``new_event_loop`` are of the loop under
    test."""

    def script(body, *args, check=True, **kwargs):
        path = tmp_path / "program.py"
        head = _SCRIPT_HEAD.format(
            watchdog=WATCHDOG_SECONDS, module=flavour.name, exports="Future, Task"
        )
        path.write_text(head + textwrap.dedent(body))
        done = subprocess.run(
            [sys.executable, *kwargs.pop("flags", ()), str(path), *args],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            **kwargs,
        )
        if check:
            assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return script


@pytest.fixture
def log(caplog):
    """What the asyncio logger said; asking for it allows errors in the log."""
    caplog.set_level(logging.DEBUG, logger="asyncio")
    return caplog


@pytest.fixture(autouse=True)
def _quiet(request, caplog):
    yield
    if "log" not in request.fixturenames:
        for phase in ("setup", "call"):
            loud = [
                r
                for r in caplog.get_records(phase)
                if r.name == "asyncio" and r.levelno >= logging.ERROR
            ]
            assert not loud, [record.getMessage() for record in loud]


def _open_fds():
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
        except OSError:  # the descriptor of the listing itself
            continue
    return found


def _warm_up():
    """Descriptors that live as long as the process are opened before the first count."""
    for flavour in FLAVOURS:
        loop = flavour.new_event_loop()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


@pytest.fixture(autouse=True, scope="module")
def _what_is_there_before():
    """Modules, tests and pytest's reports on them are nobody's garbage. The collector, which each test
    calls at its end, need not walk them thousands of times."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _guards(request):
    """The watchdog and the descriptor count; set up first, torn down last."""
    before = _open_fds()
    faulthandler.dump_traceback_later(WATCHDOG_SECONDS, exit=True, file=_watchdog_fd)
    yield
    faulthandler.cancel_dump_traceback_later()
    gc.collect()
    if request.node.get_closest_marker("keeps_fds") is None:
        leaked = {fd: what for fd, what in _open_fds().items() if fd not in before}
        assert not leaked
