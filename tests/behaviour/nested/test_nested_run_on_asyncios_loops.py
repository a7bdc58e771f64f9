"""`allow_nested(loop)` on loops that are not ours: asyncio's own, in the middle of its turn; a compiled one is refused."""

import asyncio
import threading

import pytest

import ferrio
from ferrio._nested_stock import allow


@pytest.fixture
def stock():
    loop = asyncio.SelectorEventLoop()
    yield loop
    loop.close()


async def answer():
    await asyncio.sleep(0)
    return 42


def test_allowed_in_the_middle_of_a_turn(stock):
    """The turn has counted its handles before; the nested run takes them away."""
    seen = []

    async def cell():
        allow(stock)
        seen.append(stock.run_until_complete(answer()))

    async def other(number):
        await asyncio.sleep(0)
        seen.append(number)

    async def main():
        await asyncio.gather(cell(), *map(other, range(20)))

    stock.run_until_complete(main())
    assert sorted(seen) == [*range(20), 42]


def test_twice_is_as_good_as_once(stock):
    allow(stock)
    run = stock.run_until_complete
    allow(stock)
    assert stock.run_until_complete is run
    assert stock.run_until_complete(answer()) == 42


def test_other_loops_of_the_class_are_as_before(stock):
    allow(stock)
    other = asyncio.SelectorEventLoop()

    async def main():
        coro = answer()
        with pytest.raises(RuntimeError, match="^This event loop is already running$"):
            other.run_until_complete(coro)
        coro.close()

    other.run_until_complete(main())
    other.close()


@pytest.mark.parametrize("kind", ["c", "python"])
def test_tasks_of_either_kind(stock, kind):
    if kind == "python":
        stock.set_task_factory(lambda loop, coro, **named: asyncio.tasks._PyTask(coro, loop=loop, **named))
    allow(stock)

    async def main():
        assert stock.run_until_complete(answer()) == 42
        await asyncio.sleep(0)
        return stock.run_until_complete(answer())

    assert stock.run_until_complete(main()) == 42


def test_a_handle_whose_context_is_entered_waits(stock):
    """It cannot run before the callback that runs the loop has returned; it is not lost."""
    import contextvars

    allow(stock)
    shared, seen = contextvars.copy_context(), []

    def call():
        stock.call_soon(seen.append, "waits", context=shared)
        stock.run_until_complete(answer())
        seen.append("returns")

    async def main():
        stock.call_soon(call, context=shared)
        while len(seen) < 2:
            await asyncio.sleep(0)

    stock.run_until_complete(main())
    assert seen == ["returns", "waits"]


def test_a_loop_that_runs_in_another_thread(stock):
    running = threading.Event()
    stock.call_soon(running.set)
    thread = threading.Thread(target=stock.run_forever)
    thread.start()
    running.wait()
    with pytest.raises(RuntimeError, match="running in another thread"):
        allow(stock)
    stock.call_soon_threadsafe(stock.stop)
    thread.join()


def test_a_loop_that_cannot_be_entered_again():
    class Own(asyncio.SelectorEventLoop):
        def run_forever(self):
            super().run_forever()

    class Other(asyncio.AbstractEventLoop):
        pass

    own = Own()
    with pytest.raises(RuntimeError, match="Own: it has a run_forever"):
        ferrio.allow_nested(own)
    own.close()
    with pytest.raises(RuntimeError, match="Other: it is no loop of asyncio's own in Python"):
        ferrio.allow_nested(Other())
    with pytest.raises(TypeError, match="an event loop was expected, got 3"):
        ferrio.allow_nested(3)


@pytest.mark.keeps_fds
def test_uvloop_is_refused_and_untouched():
    uvloop = pytest.importorskip("uvloop")
    loop = uvloop.new_event_loop()
    with pytest.raises(RuntimeError, match=r"nested run is not possible on uvloop\.Loop"):
        ferrio.allow_nested(loop)
    assert loop.run_until_complete(answer()) == 42
    loop.close()


def test_the_public_function(script):
    script(
        """
        import ferrio
        async def answer(): return 42
        async def main():
            ferrio.allow_nested(asyncio.get_running_loop())
            loop = asyncio.get_running_loop()
            with asyncio.Runner() as runner:
                return loop.run_until_complete(answer()), asyncio.run(answer()), runner.run(answer())
        assert run(main()) == (42, 42, 42)
        """
    )
