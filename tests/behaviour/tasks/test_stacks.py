"""get_stack and print_stack show where a task stands."""

import asyncio
import io

import pytest


async def inner(future):
    await future


async def outer(future):
    await inner(future)


async def fail():
    raise ValueError("failed here")


def names(frames):
    return [frame.f_code.co_name for frame in frames]


@pytest.fixture
def suspended(loop):
    """A task that waits two coroutines deep."""
    future = loop.create_future()
    task = loop.create_task(outer(future), name="suspended")
    loop.run_until_complete(asyncio.sleep(0))
    yield task
    task.cancel()
    loop.run_until_complete(asyncio.wait([task]))


def test_a_suspended_task_shows_its_outermost_frame(suspended):
    """CPython's documentation: only one stack frame is returned for a suspended coroutine."""
    assert names(suspended.get_stack()) == ["outer"]
    assert names(suspended.get_stack(limit=1)) == ["outer"]


def test_a_failed_task_shows_the_traceback(loop):
    async def caller():
        await fail()

    task = loop.create_task(caller())
    loop.run_until_complete(asyncio.wait([task]))
    assert names(task.get_stack()) == ["caller", "fail"]
    assert names(task.get_stack(limit=1)) == ["caller"]
    assert isinstance(task.exception(), ValueError)
    text = io.StringIO()
    task.print_stack(file=text)
    assert text.getvalue().startswith(f"Traceback for {task!r} (most recent call last):\n")
    assert "ValueError: failed here" in text.getvalue()


def test_a_finished_task_has_no_stack(loop):
    task = loop.create_task(asyncio.sleep(0))
    loop.run_until_complete(task)
    assert task.get_stack() == []
    text = io.StringIO()
    task.print_stack(file=text)
    assert text.getvalue() == f"No stack for {task!r}\n"


def test_print_stack_of_a_suspended_task(suspended):
    text = io.StringIO()
    assert suspended.print_stack(file=text) is None
    lines = text.getvalue().splitlines()
    assert lines[0] == f"Stack for {suspended!r} (most recent call last):"
    assert "in outer" in lines[1]
    assert lines[2].strip() == "await inner(future)"


def test_print_stack_goes_to_stderr_by_default(suspended, capsys):
    suspended.print_stack()
    assert "in outer" in capsys.readouterr().err


def test_a_running_task_shows_itself(run):
    async def main():
        return names(asyncio.current_task().get_stack())

    assert run(main())[-1] == "main"


def test_a_task_that_has_not_started(loop):
    task = loop.create_task(outer(loop.create_future()))
    assert names(task.get_stack()) == ["outer"]
    task.cancel()
    loop.run_until_complete(asyncio.wait([task]))
