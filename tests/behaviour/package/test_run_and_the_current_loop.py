"""What `run` sets as the thread's current loop, which the policy gives to who asks outside of a run: its own where it has made it by
itself, nothing where a `loop_factory` has."""

import asyncio
import sys
import warnings

import pytest


def policys_loop():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return asyncio.get_event_loop_policy().get_event_loop()


@pytest.fixture
def earlier():
    """A loop that the program has set as the current one."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield loop
    asyncio.set_event_loop(None)
    loop.close()


@pytest.fixture
def run(flavour):
    return flavour.lib.run


@pytest.fixture
def run_on(flavour):
    """`run` with a loop factory; `asyncio.run` takes one since 3.12."""
    if flavour.name != "asyncio" or sys.version_info >= (3, 12):
        return lambda main, factory: flavour.lib.run(main, loop_factory=factory)

    def run_on(main, factory):
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(main)

    return run_on


def test_within_it_is_the_running_one(run, earlier):
    async def main():
        assert policys_loop() is asyncio.get_running_loop()
        return 7

    assert run(main()) == 7


def test_afterwards_there_is_none(run, earlier):
    async def main():
        raise LookupError

    with pytest.raises(LookupError):
        run(main())
    with pytest.raises(RuntimeError, match="no current event loop"):
        policys_loop()


def test_a_loop_factory_leaves_it_alone(run_on, loop_factory, earlier):
    async def main():
        return asyncio.get_running_loop()

    ran = run_on(main(), loop_factory)
    assert ran is not earlier and ran.is_closed()
    assert policys_loop() is earlier


def test_one_that_fails_as_well(run_on, earlier):
    def factory():
        raise LookupError

    main = asyncio.sleep(0)
    with pytest.raises(LookupError):
        run_on(main, factory)
    main.close()
    assert policys_loop() is earlier
