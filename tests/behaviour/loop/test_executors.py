"""run_in_executor: threads and processes, results, exceptions, cancellation and shutdown."""

import asyncio
import concurrent.futures
import math
import multiprocessing
import os
import sys
import threading

import pytest


def boom():
    raise LookupError("in the executor")


def test_the_default_executor_is_made_of_threads(run):
    async def main():
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(None, threading.get_ident)
        assert asyncio.isfuture(future)
        assert await future != threading.get_ident()
        name = await loop.run_in_executor(None, lambda: threading.current_thread().name)
        assert name.startswith("asyncio_")

    run(main())


def test_arguments_results_and_exceptions(run):
    async def main():
        loop = asyncio.get_running_loop()
        assert await loop.run_in_executor(None, divmod, 17, 5) == (3, 2)
        with pytest.raises(LookupError, match="in the executor"):
            await loop.run_in_executor(None, boom)

    run(main())


def test_an_executor_of_ones_own(run):
    async def main():
        loop = asyncio.get_running_loop()
        with concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="mine") as pool:
            name = await loop.run_in_executor(pool, lambda: threading.current_thread().name)
            assert name.startswith("mine")

    run(main())


@pytest.mark.keeps_fds
def test_processes(run):
    async def main():
        loop = asyncio.get_running_loop()
        context = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
            assert await loop.run_in_executor(pool, math.factorial, 10) == 3_628_800
            assert await loop.run_in_executor(pool, os.getpid) != os.getpid()
            with pytest.raises(ValueError):
                await loop.run_in_executor(pool, math.sqrt, -1)

    run(main())


def test_many_jobs(run):
    async def main():
        loop = asyncio.get_running_loop()
        jobs = [loop.run_in_executor(None, abs, -number) for number in range(500)]
        assert await asyncio.gather(*jobs) == list(range(500))

    run(main())


def test_to_thread_carries_the_context(run):
    import contextvars

    var = contextvars.ContextVar("var", default="unset")

    async def main():
        var.set("carried")
        return await asyncio.to_thread(var.get)

    assert run(main()) == "carried"


def test_a_cancelled_wait_leaves_the_thread_running(run):
    gate, finished = threading.Event(), threading.Event()

    def work():
        gate.wait()
        finished.set()

    async def main():
        loop = asyncio.get_running_loop()
        started = loop.run_in_executor(None, work)
        await asyncio.sleep(0.001)
        started.cancel()
        await asyncio.wait([started])
        assert started.cancelled()
        gate.set()
        await loop.run_in_executor(None, finished.wait)

    run(main())


def test_a_queued_job_can_be_cancelled(run):
    gate, ran = threading.Event(), []

    async def main():
        loop = asyncio.get_running_loop()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            blocker = loop.run_in_executor(pool, gate.wait)
            queued = loop.run_in_executor(pool, ran.append, 1)
            queued.cancel()
            await asyncio.sleep(0)
            gate.set()
            await blocker

    run(main())
    assert ran == []


def test_set_default_executor(run):
    async def main():
        loop = asyncio.get_running_loop()
        pool = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="default")
        loop.set_default_executor(pool)
        name = await loop.run_in_executor(None, lambda: threading.current_thread().name)
        assert name.startswith("default")

    run(main())


@pytest.mark.parametrize("junk", [None, 3, object(), concurrent.futures.Executor])
def test_the_default_executor_must_be_a_thread_pool(loop, junk):
    with pytest.raises(TypeError, match="executor must be ThreadPoolExecutor instance"):
        loop.set_default_executor(junk)


def test_in_debug_mode_the_function_must_be_callable(loop):
    loop.set_debug(True)
    with pytest.raises(TypeError, match="a callable object was expected by run_in_executor"):
        loop.run_in_executor(None, 3)
    with pytest.raises(TypeError, match="coroutines cannot be used with run_in_executor"):
        loop.run_in_executor(None, asyncio.sleep)


def test_shutdown_waits_for_the_threads(run):
    finished = []

    def work():
        gate.wait()
        finished.append(True)

    gate = threading.Event()

    async def main():
        loop = asyncio.get_running_loop()
        loop.run_in_executor(None, work)
        loop.call_later(0.005, gate.set)
        await loop.shutdown_default_executor()
        assert finished == [True]
        with pytest.raises(RuntimeError, match="^Executor shutdown has been called$"):
            loop.run_in_executor(None, int)

    run(main())


def test_shutdown_without_an_executor(run):
    async def main():
        await asyncio.get_running_loop().shutdown_default_executor()

    run(main())


@pytest.mark.skipif(
    sys.version_info < (3, 12), reason="shutdown_default_executor(timeout) is new in 3.12"
)
def test_shutdown_with_a_timeout_warns(flavour, loop_factory):
    if flavour.name == "asyncio" and sys.version_info < (3, 13):
        pytest.skip("stock 3.12.1 waits without a limit")
    gate = threading.Event()
    loop = loop_factory()

    async def main():
        job = loop.run_in_executor(None, gate.wait)
        await asyncio.sleep(0)
        with pytest.warns(
            RuntimeWarning, match="The executor did not finishing joining its threads within"
        ):
            await loop.shutdown_default_executor(timeout=0.01)
        gate.set()
        await job

    loop.run_until_complete(main())
    loop.close()


def test_a_loop_closed_over_a_running_job(loop_factory):
    """close() does not wait; the job's result finds a closed loop and is dropped without a trace."""
    gate = threading.Event()
    done = threading.Event()

    def work():
        gate.wait()
        done.set()

    loop = loop_factory()

    async def main():
        loop.run_in_executor(None, work)

    loop.run_until_complete(main())
    loop.close()
    gate.set()
    done.wait()
