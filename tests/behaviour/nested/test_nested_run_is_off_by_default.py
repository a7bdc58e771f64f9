"""Without permission every way to run a loop inside a running one is asyncio's error, word for word, and changes nothing."""

import asyncio

import pytest

ferrio = pytest.importorskip("ferrio")


async def answer():
    return 42


def refused(run, *arguments):
    """The error's class and text; the coroutines among the arguments are closed."""
    with pytest.raises(RuntimeError) as caught:
        run(*arguments)
    for argument in arguments:
        if asyncio.iscoroutine(argument):
            argument.close()
    return type(caught.value), str(caught.value)


def test_the_errors(loop, loop_factory):
    other = loop_factory()

    async def main():
        me = asyncio.current_task()
        assert refused(loop.run_until_complete, answer()) == (RuntimeError, "This event loop is already running")
        text = "Cannot run the event loop while another loop is running"
        assert refused(other.run_until_complete, answer()) == (RuntimeError, text)
        text = "asyncio.run() cannot be called from a running event loop"
        assert refused(asyncio.run, answer()) == (RuntimeError, text)
        text = "Runner.run() cannot be called from a running event loop"
        assert refused(asyncio.Runner().run, answer()) == (RuntimeError, text)
        assert refused(ferrio.run, answer()) == (RuntimeError, "asyncio.run() cannot be called from a running event loop")
        assert refused(loop.close) == (RuntimeError, "Cannot close a running event loop")
        assert asyncio.current_task() is me and asyncio.get_running_loop() is loop
        return await answer()

    assert loop.run_until_complete(main()) == 42
    other.close()


def test_run_forever(loop, flavour):
    async def main():
        assert refused(loop.run_forever) == (RuntimeError, "This event loop is already running")
        # That of CPython 3.13.0 has ended the run's own notes by now.
        if flavour.name == "ferrio":
            assert asyncio.get_running_loop() is loop and loop.is_running()

    loop.run_until_complete(main())


def test_nobody_who_asks_is_told_that_it_works(loop):
    # The name that nest_asyncio sets, and other libraries look for.
    assert not hasattr(loop, "_nest_patched")
    with ferrio.nested():
        assert hasattr(loop, "_nest_patched") == isinstance(loop, ferrio.Loop)
    assert not hasattr(loop, "_nest_patched")


def test_the_end_of_the_permission_is_the_end_of_it():
    names = asyncio.run, asyncio.runners.run, *(getattr(asyncio.Runner, name) for name in ("run", "close", "_lazy_init"))

    async def main():
        with ferrio.nested():
            with ferrio.nested():
                assert asyncio.run(answer()) == 42
            assert asyncio.run(answer()) == 42
        text = "asyncio.run() cannot be called from a running event loop"
        assert refused(asyncio.run, answer()) == (RuntimeError, text)

    ferrio.run(main())
    now = asyncio.run, asyncio.runners.run, *(getattr(asyncio.Runner, name) for name in ("run", "close", "_lazy_init"))
    assert now == names


def test_uninstall_ends_what_was_allowed_while_installed(script):
    script(
        """
        import ferrio
        names = asyncio.run, asyncio.Runner.run
        ferrio.install()
        ferrio.allow_nested()
        ferrio.allow_nested()
        assert asyncio.run is not names[0]
        async def answer(): return 42
        async def main(): return asyncio.run(answer())
        assert asyncio.run(main()) == 42
        ferrio.uninstall()
        assert (asyncio.run, asyncio.Runner.run) == names
        loop = ferrio.new_event_loop()
        async def refused():
            coro = answer()
            try:
                loop.run_until_complete(coro)
            except RuntimeError as error:
                coro.close()
                return str(error)
        assert loop.run_until_complete(refused()) == "This event loop is already running"
        ferrio.allow_nested(loop)
        async def allowed(): return loop.run_until_complete(answer()), asyncio.run(answer())
        assert loop.run_until_complete(allowed()) == (42, 42)
        loop.close()
        """
    )


def test_another_thread_cannot_run_it(loop):
    async def main():
        with pytest.raises(RuntimeError, match="^This event loop is already running$"):
            await loop.run_in_executor(None, loop.run_forever)

    with ferrio.nested():
        loop.run_until_complete(main())
