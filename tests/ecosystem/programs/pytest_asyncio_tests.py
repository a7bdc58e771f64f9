# pytest-asyncio: tests, fixtures, loops of each scope. The loop comes from the process's default, from the hook for loop
# factories or from an event loop policy. This file is the test module and what runs it; the argument says whence the loop comes.
import asyncio
import contextvars
import sys

import pytest
import pytest_asyncio
import ran_on

if sys.argv[1] == "policy":

    @pytest.fixture(scope="session")
    def event_loop_policy():
        return ran_on.loop_policy()


variable = contextvars.ContextVar("variable", default="unset")


@pytest_asyncio.fixture
async def resource():
    variable.set("by the fixture")
    task = asyncio.create_task(asyncio.sleep(300))
    yield asyncio.get_running_loop()
    task.cancel()
    print("torn down", (await asyncio.gather(task, return_exceptions=True))[0].__class__.__name__)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server():
    async def echo(reader, writer):
        writer.write((await reader.readline()).upper())
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(echo, "127.0.0.1") as server:
        yield server


@pytest.mark.asyncio
async def test_fixtures_share_the_loop(resource):
    ran_on.tell()
    assert resource is asyncio.get_running_loop()
    assert variable.get() == "by the fixture"


@pytest.mark.asyncio
async def test_each_test_has_a_fresh_context():
    ran_on.tell()
    assert variable.get() == "unset"
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("word", ["one", "two"])
async def test_loops_live_as_long_as_their_scope(server, word):
    ran_on.tell()
    assert server.get_loop() is asyncio.get_running_loop()
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(word.encode() + b"\n")
    assert await reader.read() == word.upper().encode() + b"\n"
    writer.close()
    await writer.wait_closed()


@pytest.mark.asyncio
@pytest.mark.xfail(raises=asyncio.TimeoutError, strict=True)
async def test_failures_are_failures():
    ran_on.tell()
    async with asyncio.timeout(0.01):
        await asyncio.Event().wait()


class Teller:
    @staticmethod
    def pytest_runtest_logreport(report):
        if report.when == "call" or not report.passed:
            print(report.nodeid.partition("::")[2], report.outcome, report.longreprtext if report.failed else "")


class ByHook(Teller):
    @staticmethod
    def pytest_asyncio_loop_factories(config, item):
        return {"given": ran_on.loop_factory()}


if __name__ == "__main__":
    plugin = ByHook() if sys.argv[1] == "hook" else Teller()
    options = ["-c", "/dev/null", "--noconftest", "-p", "no:terminal", "-p", "no:cacheprovider", "-s", "--import-mode=importlib"]
    print(pytest.main([*options, "-W", "ignore::DeprecationWarning", __file__], plugins=[plugin]).name)
    print("OK")
