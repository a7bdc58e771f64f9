"""KeyboardInterrupt and SystemExit leave run_forever from wherever they are raised, and the loop
can be run again."""

import asyncio
import socket

import pytest


@pytest.fixture(params=[KeyboardInterrupt, SystemExit])
def error(request):
    return request.param


def usable(loop):
    assert not loop.is_running()
    assert asyncio._get_running_loop() is None
    assert asyncio.current_task(loop) is None
    assert loop.run_until_complete(asyncio.sleep(0.001, "usable")) == "usable"


def raiser(error):
    def raising(*args):
        raise error("strong")

    return raising


@pytest.mark.parametrize("method", ["call_soon", "call_later", "call_soon_threadsafe"])
def test_from_a_callback(loop, error, method):
    args = (0, raiser(error)) if method == "call_later" else (raiser(error),)
    getattr(loop, method)(*args)
    with pytest.raises(error, match="strong"):
        loop.run_forever()
    usable(loop)


def test_what_was_queued_behind_it_runs_in_the_next_run(loop, error):
    seen = []
    loop.call_soon(raiser(error))
    loop.call_soon(seen.append, "behind")
    with pytest.raises(error):
        loop.run_forever()
    usable(loop)
    assert seen == ["behind"]


def test_from_a_task(loop, error):
    async def strong():
        raise error("strong")

    task = loop.create_task(strong())
    with pytest.raises(error, match="strong"):
        loop.run_forever()
    assert task.done()
    assert isinstance(task.exception(), error)
    usable(loop)


def test_from_the_main_task(loop, error):
    async def strong():
        await asyncio.sleep(0)
        raise error("strong")

    with pytest.raises(error, match="strong"):
        loop.run_until_complete(strong())
    usable(loop)


def test_from_a_task_that_somebody_awaits(loop, error, log):
    async def strong():
        await asyncio.sleep(0)
        raise error("strong")

    async def main():
        task = asyncio.create_task(strong())
        with pytest.raises(error):
            await task
        return "awaited"

    main_task = loop.create_task(main())
    with pytest.raises(error, match="strong"):
        loop.run_until_complete(main_task)
    assert loop.run_until_complete(main_task) == "awaited"
    usable(loop)


def test_from_a_done_callback(loop, error):
    future = loop.create_future()
    future.add_done_callback(raiser(error))
    future.set_result(None)
    with pytest.raises(error, match="strong"):
        loop.run_forever()
    usable(loop)


def test_from_a_reader(loop, error):
    left, right = socket.socketpair()
    with left, right:
        loop.add_reader(left, raiser(error))
        right.send(b"x")
        with pytest.raises(error, match="strong"):
            loop.run_forever()
        loop.remove_reader(left)
        usable(loop)


def test_from_an_exception_handler(loop, error):
    loop.set_exception_handler(raiser(error))
    loop.call_soon(lambda: 1 / 0)
    with pytest.raises(error, match="strong"):
        loop.run_forever()
    loop.set_exception_handler(None)
    usable(loop)


def test_under_run_the_other_tasks_are_cancelled(run, error):
    seen = []

    async def background():
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def main():
        asyncio.create_task(background())
        await asyncio.sleep(0)
        raise error("strong")

    with pytest.raises(error, match="strong"):
        run(main())
    assert seen == ["cancelled"]


def test_other_base_exceptions(loop, error):
    """A BaseException of one's own is neither: a callback's is reported, a task's is its result."""

    class Odd(BaseException):
        pass

    reported = []
    loop.set_exception_handler(lambda loop, context: reported.append(context["exception"]))

    async def odd():
        raise Odd

    loop.call_soon(raiser(Odd))
    with pytest.raises(Odd):
        loop.run_until_complete(odd())
    assert [type(item) for item in reported] == [Odd]
    usable(loop)


def test_system_exit_code(script):
    done = script(
        """
        async def main():
            raise SystemExit(7)
        run(main())
        """,
        check=False,
    )
    assert done.returncode == 7
    assert done.stderr == ""
