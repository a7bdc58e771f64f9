"""For cancellation a nested run is an `await` of what it waits for; Ctrl-C reaches the innermost `asyncio.run`."""

import asyncio

import pytest


async def sleeper(log, name="inner"):
    try:
        await asyncio.sleep(1000)
    except asyncio.CancelledError:
        log.append(name)
        raise


def runs(loop):
    return loop.run_until_complete, asyncio.run


def test_a_cancelled_inner_task_is_a_cancelled_error(nestable):
    async def cancelled():
        asyncio.current_task().cancel()
        await asyncio.sleep(0)

    async def main():
        for run in runs(nestable):
            with pytest.raises(asyncio.CancelledError):
                run(cancelled())
        assert not asyncio.current_task().cancelling()
        return 42

    assert nestable.run_until_complete(main()) == 42


@pytest.mark.parametrize("way", [0, 1])
def test_cancelling_the_task_that_runs_the_loop(nestable, ours, way):
    log = []

    async def outer():
        try:
            runs(nestable)[way](sleeper(log))
        finally:
            log.append("outer")

    async def main():
        task = asyncio.ensure_future(outer())
        await asyncio.sleep(0.001)
        assert task.cancel("enough")
        assert not task.done()
        with pytest.raises(asyncio.CancelledError, match="enough"):
            await task
        assert task.cancelled()

    nestable.run_until_complete(main())
    assert log == ["inner", "outer"]


def test_through_several_runs(nestable, ours):
    log = []

    async def level(number):
        try:
            await (sleeper(log, "bottom") if number == 0 else deeper(number))
        finally:
            log.append(number)

    async def deeper(number):
        asyncio.run(level(number - 1))

    async def main():
        task = asyncio.ensure_future(level(3))
        await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.wait([task])

    nestable.run_until_complete(main())
    assert log == ["bottom", 0, 1, 2, 3]


def test_one_that_was_asked_for_before_the_run(nestable, ours):
    log = []

    async def outer():
        asyncio.current_task().cancel()
        nestable.run_until_complete(asyncio.ensure_future(sleeper(log)))

    async def main():
        task = asyncio.ensure_future(outer())
        await asyncio.wait([task])
        assert task.cancelled()

    nestable.run_until_complete(main())
    assert log == []


def test_a_timeout_around_a_nested_run(nestable, ours):
    log = []

    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                asyncio.run(sleeper(log))
        assert asyncio.current_task().cancelling() == 0
        await asyncio.sleep(0)

        async def outer():
            asyncio.run(sleeper(log))

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(outer(), 0.001)

    nestable.run_until_complete(main())
    assert log == ["inner", "inner"]


def test_a_shielded_task_lives_on(nestable, ours):
    async def slow():
        await asyncio.sleep(0.005)
        return 42

    async def main():
        inner = asyncio.ensure_future(slow())

        async def outer():
            nestable.run_until_complete(asyncio.shield(inner))

        task = asyncio.ensure_future(outer())
        await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled() and not inner.cancelled()
        return await inner

    assert nestable.run_until_complete(main()) == 42


def test_an_inner_task_that_declines(nestable, ours):
    async def stubborn():
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            return "no"

    async def main():
        async def outer():
            return asyncio.run(stubborn())

        task = asyncio.ensure_future(outer())
        await asyncio.sleep(0.001)
        task.cancel()
        return await task

    assert nestable.run_until_complete(main()) == "no"


def test_on_asyncios_loop_it_waits_until_the_run_has_ended(nestable, flavour):
    if flavour.name != "asyncio":
        pytest.skip("of asyncio's loop only")
    log = []

    async def outer():
        log.append(nestable.run_until_complete(asyncio.sleep(0.003, "whole")))
        await asyncio.sleep(0)
        log.append("not here")

    async def main():
        task = asyncio.ensure_future(outer())
        await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    nestable.run_until_complete(main())
    assert log == ["whole"]


CTRL_C = """
import contextlib, signal
from ferrio import allow_nested
log = []

def ctrl_c():
    asyncio.get_running_loop().call_later(0.01, os.kill, os.getpid(), signal.SIGINT)

async def inner():
    ctrl_c()
    try:
        await asyncio.sleep(1000)
    except asyncio.CancelledError:
        log.append("inner cancelled")
        raise

@contextlib.contextmanager
def note(name):
    try:
        yield
    except BaseException as error:
        log.append((name, type(error).__name__))
        raise
"""


@pytest.fixture
def interrupted(script, flavour):
    """Run `body`, with asyncio's loops allowed one by one; what it has logged must be `expected`."""

    def interrupted(body, expected):
        allow = "loop = asyncio.get_running_loop(); allow_nested(loop)"
        end = "\nassert signal.getsignal(signal.SIGINT) is signal.default_int_handler\nprint(log)"
        done = script(CTRL_C + body.replace("ALLOW", allow) + end)
        assert done.stdout.strip() == str(expected), done.stderr

    return interrupted


def test_ctrl_c_in_a_nested_asyncio_run(interrupted):
    interrupted(
        """
async def main():
    ALLOW
    with note("main"):
        asyncio.run(inner())
try:
    run(main())
except KeyboardInterrupt:
    log.append("out")
""",
        ["inner cancelled", ("main", "KeyboardInterrupt"), "out"],
    )


def test_a_program_may_go_on_after_it(interrupted):
    interrupted(
        """
async def main():
    ALLOW
    try:
        asyncio.run(inner())
    except KeyboardInterrupt:
        log.append("caught")
    log.append(asyncio.run(asyncio.sleep(0.01, "goes on")))
    return await asyncio.sleep(0, "done")
log.append(run(main()))
""",
        ["inner cancelled", "caught", "goes on", "done"],
    )


def test_ctrl_c_in_a_nested_run_of_a_callback(interrupted):
    interrupted(
        """
def call():
    with note("callback"):
        asyncio.run(inner())
async def main():
    ALLOW
    loop.call_soon(call)
    await asyncio.sleep(1000)
try:
    run(main())
except KeyboardInterrupt:
    log.append("out")
""",
        ["inner cancelled", ("callback", "KeyboardInterrupt"), "out"],
    )


def test_ctrl_c_in_a_loop_without_a_runner(interrupted):
    """Python's own handler raises KeyboardInterrupt, out of the innermost run, whose task stays as it is."""
    interrupted(
        """
loop = new_event_loop()
allow_nested(loop)
async def main():
    with note("main"):
        loop.run_until_complete(inner())
try:
    loop.run_until_complete(main())
except KeyboardInterrupt:
    log.append("out")
for task in asyncio.all_tasks(loop):
    task.cancel()
loop.run_until_complete(asyncio.sleep(0))
loop.close()
""",
        [("main", "KeyboardInterrupt"), "out", "inner cancelled"],
    )


def test_ctrl_c_of_an_outer_runner_cancels_through_run_until_complete(interrupted, ours):
    interrupted(
        """
async def main():
    ALLOW
    with note("main"):
        loop.run_until_complete(inner())
try:
    run(main())
except KeyboardInterrupt:
    log.append("out")
""",
        ["inner cancelled", ("main", "CancelledError"), "out"],
    )


def test_the_second_ctrl_c_does_not_wait(interrupted):
    interrupted(
        """
async def stubborn():
    while True:
        ctrl_c()
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            log.append("stays")
            if log.count("stays") > 1:
                raise
async def main():
    ALLOW
    with note("main"):
        asyncio.run(stubborn())
try:
    run(main())
except KeyboardInterrupt:
    log.append("out")
""",
        ["stays", "stays", ("main", "KeyboardInterrupt"), "out"],
    )


def test_a_handler_of_the_program_stays(interrupted):
    interrupted(
        """
async def main():
    ALLOW
    woken = asyncio.Event()
    signal.signal(signal.SIGINT, lambda *_: (log.append("own"), loop.call_soon_threadsafe(woken.set)))
    async def waits():
        ctrl_c()
        await woken.wait()
    asyncio.run(waits())
    signal.signal(signal.SIGINT, signal.default_int_handler)
run(main())
""",
        ["own"],
    )
