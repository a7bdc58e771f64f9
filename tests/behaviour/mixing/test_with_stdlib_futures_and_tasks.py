"""Stock C futures and tasks work on the loop under test, and its own under a stock loop: in every
combinator."""

import asyncio
import concurrent.futures
import sys
import threading

import pytest


async def value(result):
    await asyncio.sleep(0)
    return result


async def fail():
    await asyncio.sleep(0)
    raise LookupError("mixed")


@pytest.fixture(params=["own loop", "stock loop"])
def host(request, loop):
    """The loop under test, and a stock loop on which its futures and tasks must work too."""
    if request.param == "own loop":
        yield loop
    else:
        stock = asyncio.new_event_loop()
        yield stock
        stock.close()


@pytest.fixture
def kinds(flavour, host):
    """Makers of stock and own futures and tasks for the host loop."""

    class Kinds:
        futures = [
            lambda: asyncio.Future(loop=host),
            lambda: flavour.Future(loop=host),
            host.create_future,
        ]
        tasks = [
            lambda coro: asyncio.Task(coro, loop=host),
            lambda coro: flavour.Task(coro, loop=host),
            host.create_task,
        ]

    return Kinds


def test_await(host, kinds):
    async def main():
        for make in kinds.futures:
            future = make()
            host.call_soon(future.set_result, "value")
            assert await future == "value"
        for make in kinds.tasks:
            assert await make(value(1)) == 1
            with pytest.raises(LookupError):
                await make(fail())

    host.run_until_complete(main())


def test_every_task_awaits_every_future(host, kinds):
    async def wait(future):
        return await future

    async def main():
        for make_task in kinds.tasks:
            for make_future in kinds.futures:
                future = make_future()
                task = make_task(wait(future))
                await asyncio.sleep(0)
                future.set_result("through")
                assert await task == "through"

    host.run_until_complete(main())


def test_every_task_awaits_every_task_and_cancel_goes_through(host, kinds):
    async def wait(task):
        return await task

    async def main():
        for make_outer in kinds.tasks:
            for make_inner in kinds.tasks:
                inner = make_inner(asyncio.sleep(1000))
                outer = make_outer(wait(inner))
                await asyncio.sleep(0)
                outer.cancel("message")
                with pytest.raises(asyncio.CancelledError) as caught:
                    await outer
                assert caught.value.args == ("message",)
                assert inner.cancelled()

    host.run_until_complete(main())


def test_gather(host, kinds):
    async def main():
        tasks = [make(value(number)) for number, make in enumerate(kinds.tasks)]
        futures = [make() for make in kinds.futures]
        for number, future in enumerate(futures):
            host.call_soon(future.set_result, -number)
        assert await asyncio.gather(*tasks, *futures, value(9)) == [0, 1, 2, 0, -1, -2, 9]
        outcomes = await asyncio.gather(
            *(make(fail()) for make in kinds.tasks), return_exceptions=True
        )
        assert [type(outcome) for outcome in outcomes] == [LookupError] * 3

    host.run_until_complete(main())


def test_wait(host, kinds):
    async def main():
        tasks = [make(value(number)) for number, make in enumerate(kinds.tasks)]
        never = [make() for make in kinds.futures]
        done, pending = await asyncio.wait([*tasks, *never], timeout=0.005)
        assert done == set(tasks) and pending == set(never)
        for future in never:
            future.cancel()
        done, pending = await asyncio.wait(never)
        assert done == set(never)
        failing = [make(fail()) for make in kinds.tasks]
        done, _ = await asyncio.wait(failing, return_when=asyncio.FIRST_EXCEPTION)
        assert done
        await asyncio.wait(failing)
        assert [type(task.exception()) for task in failing] == [LookupError] * 3

    host.run_until_complete(main())


def test_wait_for_and_timeout(host, kinds):
    async def main():
        for make in kinds.futures:
            future = make()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(future, 0.001)
            assert future.cancelled()
        for make in kinds.tasks:
            assert await asyncio.wait_for(make(value(1)), 1000) == 1
            task = make(asyncio.sleep(1000))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.001):
                    await task
            assert task.cancelled()

    host.run_until_complete(main())


def test_timeout_inside_every_kind_of_task(host, kinds):
    async def limited():
        try:
            async with asyncio.timeout(0.001):
                await asyncio.sleep(1000)
        except TimeoutError:
            return "timed out", asyncio.current_task().cancelling()

    async def main():
        for make in kinds.tasks:
            assert await make(limited()) == ("timed out", 0)

    host.run_until_complete(main())


def test_task_group_inside_every_kind_of_task(host, kinds):
    expected = (
        (3, 0) if sys.version_info >= (3, 13) else (3, 1)
    )  # until 3.12 a group kept its own cancel()

    async def grouped():
        with pytest.raises(ExceptionGroup):
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(1000))
                group.create_task(fail())
        async with asyncio.TaskGroup() as group:
            task = group.create_task(value(3))
        return task.result(), asyncio.current_task().cancelling()

    async def main():
        for make in kinds.tasks:
            assert await make(grouped()) == expected

    host.run_until_complete(main())


def test_shield(host, kinds):
    async def main():
        for make in kinds.futures:
            inner = make()
            outer = asyncio.shield(inner)
            outer.cancel()
            await asyncio.sleep(0)
            assert not inner.cancelled()
            inner.set_result(1)
            assert await asyncio.shield(inner) == 1

    host.run_until_complete(main())


def test_as_completed(host, kinds):
    async def main():
        tasks = [make(value(number)) for number, make in enumerate(kinds.tasks)]
        return sorted([await next_one for next_one in asyncio.as_completed(tasks)])

    assert host.run_until_complete(main()) == [0, 1, 2]


def test_synchronisation_primitives(host, kinds):
    async def main():
        queue, lock, event = asyncio.Queue(2), asyncio.Lock(), asyncio.Event()

        async def produce():
            for number in range(20):
                await queue.put(number)
            event.set()

        async def consume():
            got = []
            for _ in range(20):
                async with lock:
                    got.append(await queue.get())
            await event.wait()
            return got

        for make_producer in kinds.tasks:
            for make_consumer in kinds.tasks:
                event.clear()
                producer, consumer = make_producer(produce()), make_consumer(consume())
                assert await consumer == list(range(20))
                await producer

    host.run_until_complete(main())


def test_is_a_future(flavour, host, kinds):
    for make in kinds.futures:
        future = make()
        assert asyncio.isfuture(future)
        assert isinstance(future, asyncio.Future)
        assert asyncio.ensure_future(future) is future
        future.cancel()


def test_current_task_in_every_kind(host, kinds):
    async def who():
        first = asyncio.current_task()
        await asyncio.sleep(0)
        assert asyncio.current_task() is first
        return first

    async def main():
        for make in kinds.tasks:
            task = make(who())
            assert task in asyncio.all_tasks()
            assert await task is task
            assert task not in asyncio.all_tasks()

    host.run_until_complete(main())


def test_wrap_future(host):
    async def main():
        for finish in ("set_result", "set_exception"):
            outside = concurrent.futures.Future()
            inside = asyncio.wrap_future(outside)
            argument = "value" if finish == "set_result" else LookupError("thread")
            threading.Thread(target=getattr(outside, finish), args=(argument,)).start()
            if finish == "set_result":
                assert await inside == "value"
            else:
                with pytest.raises(LookupError, match="thread"):
                    await inside
        outside = concurrent.futures.Future()
        inside = asyncio.wrap_future(outside)
        inside.cancel()
        await asyncio.sleep(0)
        assert outside.cancelled()

    host.run_until_complete(main())


def test_run_coroutine_threadsafe(host):
    async def main():
        def work():
            assert asyncio.run_coroutine_threadsafe(value("result"), host).result() == "result"
            with pytest.raises(LookupError, match="mixed"):
                asyncio.run_coroutine_threadsafe(fail(), host).result()
            waiting = asyncio.run_coroutine_threadsafe(asyncio.sleep(1000), host)
            assert waiting.cancel()
            with pytest.raises(concurrent.futures.CancelledError):
                waiting.result()
            return "all"

        assert await asyncio.to_thread(work) == "all"
        await asyncio.sleep(0.001)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    host.run_until_complete(main())


def test_run_coroutine_threadsafe_refuses_a_non_coroutine(host):
    with pytest.raises(TypeError, match="^A coroutine object is required$"):
        asyncio.run_coroutine_threadsafe(3, host)


def test_two_loops_in_two_threads_talk(loop_factory):
    async def serve(stop):
        await stop
        return "served"

    def thread(ready):
        loop = asyncio.new_event_loop()
        stop = loop.create_future()
        ready.append((loop, stop))
        started.set()
        result = loop.run_until_complete(serve(stop))
        loop.close()
        ready.append(result)

    started, ready = threading.Event(), []
    worker = threading.Thread(target=thread, args=(ready,))
    worker.start()
    started.wait()
    other, stop = ready[0]

    async def main():
        answer = asyncio.run_coroutine_threadsafe(value("from there"), other)
        assert await asyncio.wrap_future(answer) == "from there"
        other.call_soon_threadsafe(stop.set_result, None)

    loop = loop_factory()
    loop.run_until_complete(main())
    loop.close()
    worker.join()
    assert ready[1] == "served"
