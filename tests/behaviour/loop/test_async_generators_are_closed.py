"""Async generators that were left in the middle are closed by the loop: when collected, and at
shutdown."""

import asyncio
import gc
import sys

import pytest


def make(log):
    async def generator():
        try:
            while True:
                yield len(log)
        finally:
            await asyncio.sleep(0)
            log.append("closed")

    return generator()


def test_shutdown_closes_those_in_the_middle(loop):
    log = []

    async def main():
        generators = [make(log) for _ in range(5)]
        for generator in generators:
            await generator.__anext__()
        return generators

    keep = loop.run_until_complete(main())
    assert log == []
    loop.run_until_complete(loop.shutdown_asyncgens())
    assert log == ["closed"] * 5
    assert len(keep) == 5


def test_a_collected_generator_is_closed_by_the_loop(run):
    log = []

    async def main():
        generator = make(log)
        await generator.__anext__()
        del generator
        gc.collect()
        for _ in range(5):
            await asyncio.sleep(0)
        assert log == ["closed"]

    run(main())


def test_run_closes_them_at_the_end(run):
    log, keep = [], []

    async def main():
        keep.append(make(log))
        await keep[0].__anext__()

    run(main())
    assert log == ["closed"]


def test_one_that_was_exhausted_is_left_alone(loop):
    async def generator():
        yield 1

    async def main():
        return [item async for item in generator()]

    assert loop.run_until_complete(main()) == [1]
    loop.run_until_complete(loop.shutdown_asyncgens())


def test_an_error_while_closing_is_reported(loop, reported):
    loop.set_exception_handler(reported)

    async def broken():
        try:
            yield 1
        finally:
            raise LookupError("closing")

    async def main():
        generator = broken()
        await generator.__anext__()
        return generator

    keep = loop.run_until_complete(main())
    loop.run_until_complete(loop.shutdown_asyncgens())
    (context,) = reported
    assert context["message"].startswith(
        "an error occurred during closing of asynchronous generator "
    )
    assert context["asyncgen"] is keep
    assert str(context["exception"]) == "closing"


def test_the_hooks_are_restored_after_the_run(loop):
    before = sys.get_asyncgen_hooks()
    inside = []

    async def main():
        inside.append(sys.get_asyncgen_hooks())

    loop.run_until_complete(main())
    assert sys.get_asyncgen_hooks() == before
    assert inside[0] != before
    assert all(callable(hook) for hook in inside[0])


def test_a_foreign_hook_is_put_back(loop):
    def firstiter(generator):
        pass

    before = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(firstiter=firstiter)
    try:
        loop.run_until_complete(asyncio.sleep(0))
        assert sys.get_asyncgen_hooks().firstiter is firstiter
    finally:
        sys.set_asyncgen_hooks(*before)


def test_a_generator_started_after_the_shutdown_warns(loop):
    async def main():
        await loop.shutdown_asyncgens()
        generator = make([])
        with pytest.warns(ResourceWarning, match="was scheduled after loop.shutdown_asyncgens"):
            await generator.__anext__()
        await generator.aclose()

    loop.run_until_complete(main())


def test_a_generator_collected_after_the_loop_closed(loop_factory):
    log = []
    loop = loop_factory()

    async def main():
        generator = make(log)
        await generator.__anext__()
        return generator

    keep = loop.run_until_complete(main())
    loop.close()
    del keep
    gc.collect()
    assert log == []
