"""A future that dies with an exception nobody retrieved tells the loop's exception handler."""

import asyncio
import gc
import re
import subprocess
import sys

import pytest


def drop_failed(loop, error, touch=lambda future: None):
    future = loop.create_future()
    future.set_exception(error)
    touch(future)
    del future
    gc.collect()


def test_a_future_is_reported_when_it_dies(loop, reported):
    loop.set_exception_handler(reported)
    drop_failed(loop, ValueError("lost"))
    (context,) = reported
    assert context["message"] == "Future exception was never retrieved"
    assert str(context["exception"]) == "lost"
    assert isinstance(context["future"], asyncio.Future)


def test_a_task_is_reported_under_its_own_name(loop, reported):
    loop.set_exception_handler(reported)

    async def fail():
        raise ValueError("lost")

    async def main():
        asyncio.create_task(fail())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gc.collect()

    loop.run_until_complete(main())
    (context,) = reported
    assert context["message"] == "Task exception was never retrieved"
    assert isinstance(context["future"], asyncio.Task)


@pytest.mark.parametrize("touch", ["result", "exception"])
def test_asking_once_is_enough(loop, reported, touch):
    loop.set_exception_handler(reported)

    def ask(future):
        try:
            getattr(future, touch)()
        except ValueError:
            pass

    drop_failed(loop, ValueError(), ask)
    assert reported == []


def test_awaiting_is_asking(loop, reported):
    loop.set_exception_handler(reported)

    async def main():
        future = loop.create_future()
        future.set_exception(ValueError())
        with pytest.raises(ValueError):
            await future

    loop.run_until_complete(main())
    gc.collect()
    assert reported == []


def test_adding_a_callback_is_not_asking(loop, reported):
    loop.set_exception_handler(reported)
    future = loop.create_future()
    future.add_done_callback(lambda f: None)
    future.set_exception(ValueError("lost"))
    loop.stop()
    loop.run_forever()
    del future
    gc.collect()
    assert reported.messages == ["Future exception was never retrieved"]


def test_log_traceback_can_only_be_switched_off(loop, reported):
    loop.set_exception_handler(reported)
    future = loop.create_future()
    future.set_exception(ValueError())
    assert future._log_traceback is True
    with pytest.raises(ValueError, match="_log_traceback can only be set to False"):
        future._log_traceback = True
    future._log_traceback = False
    del future
    gc.collect()
    assert reported == []


def test_cancelled_and_finished_futures_die_silently(loop, reported):
    loop.set_exception_handler(reported)
    cancelled, finished, pending = (loop.create_future() for _ in range(3))
    cancelled.cancel()
    finished.set_result(1)
    del cancelled, finished, pending
    gc.collect()
    assert reported == []


def test_the_log_has_the_traceback(loop, log):
    async def fail():
        raise ValueError("in the log")

    async def main():
        asyncio.create_task(fail())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gc.collect()

    loop.run_until_complete(main())
    (record,) = [record for record in log.records if record.levelname == "ERROR"]
    assert record.getMessage().startswith(
        "Task exception was never retrieved\nfuture: <Task finished name='Task-"
    )
    assert record.exc_info[0] is ValueError


def test_in_debug_mode_it_says_where_the_future_was_made(loop, reported):
    loop.set_debug(True)
    loop.set_exception_handler(reported)
    drop_failed(loop, ValueError())
    assert reported[0]["source_traceback"]


def test_a_handler_that_raises_at_that_moment_is_survived(loop, log):
    def handler(loop, context):
        raise OSError("handler is broken")

    loop.set_exception_handler(handler)
    drop_failed(loop, ValueError())
    assert "Unhandled error in exception handler" in log.text
    assert loop.run_until_complete(asyncio.sleep(0, 1)) == 1


def test_a_failed_future_in_a_cycle_is_reported_too(loop, reported):
    loop.set_exception_handler(reported)
    future = loop.create_future()
    future.me = future
    future.set_exception(ValueError())
    del future
    gc.collect()
    assert reported.messages == ["Future exception was never retrieved"]


def test_it_can_be_kept_alive_by_the_handler(loop):
    kept = []
    loop.set_exception_handler(lambda loop, context: kept.append(context["future"]))
    drop_failed(loop, ValueError("kept"))
    (future,) = kept
    assert future.done()
    assert str(future.exception()) == "kept"


def test_after_the_loop_was_closed(loop, reported):
    loop.set_exception_handler(reported)
    future = loop.create_future()
    future.set_exception(ValueError())
    loop.close()
    del future
    gc.collect()
    assert reported.messages == ["Future exception was never retrieved"]


def test_every_forgotten_error_is_reported_however_its_future_died(run, reported):
    """Dead futures' memory is used again: one that the collector has finalized must not silence its successor."""

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(reported)
        for number in range(50):
            in_a_cycle, alone = loop.create_future(), loop.create_future()
            in_a_cycle.itself = in_a_cycle
            in_a_cycle.set_exception(ValueError(number))
            alone.set_exception(ValueError(number))
            del alone, in_a_cycle
            gc.collect()

    run(main())
    assert len(reported) == 100
    assert sorted(context["exception"].args[0] for context in reported) == sorted([*range(50)] * 2)


OUTLIVING = """
import sys, {module} as lib
loop = lib.{new_event_loop}()
async def work():
    if {ends}:
        raise ValueError("lost")
    await loop.create_future()
async def main():
    global kept
    kept = loop.create_task(work()) if {task} else loop.create_future()
    if not {task}:
        kept.set_exception(ValueError("lost"))
    await lib.sleep(0)
loop.run_until_complete(main())
loop.close()
"""

# As asyncio words it; it has no traceback to show where the exception has none.
TOLD = {
    "future": r"Future exception was never retrieved\nfuture: <Future finished exception=ValueError\('lost'\)>\nValueError: lost\n",
    "pending task": r"Task was destroyed but it is pending!\ntask: <Task pending name='Task-2'.*>\n",
    "failed task": r"Task exception was never retrieved\nfuture: <Task finished name='Task-2'.* exception=ValueError\('lost'\)>\n"
    r"Traceback(.|\n)*ValueError: lost\n",
}


@pytest.mark.parametrize("what", TOLD)
def test_one_that_outlives_the_program_is_reported(flavour, what):
    if what == "failed task" and flavour.name == "asyncio":
        pytest.skip("asyncio's own report fails by then")
    code = OUTLIVING.format(
        module=flavour.new_event_loop.__module__.split(".")[0],
        new_event_loop=flavour.new_event_loop.__name__,
        task=what != "future",
        ends=what == "failed task",
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert re.fullmatch(TOLD[what], done.stderr)
