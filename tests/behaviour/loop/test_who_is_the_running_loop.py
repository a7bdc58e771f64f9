"""A program may say which loop is the running one (`asyncio._set_running_loop`): everything that asks hears it at once."""

import asyncio
import contextlib
import threading

import ferrio
import pytest

NAMES = ["sleep", "timeout", "create_task"]


def ask(module, name):
    """Uses a function that needs the running loop; the loop that it took."""
    if name == "sleep":
        coroutine = module.sleep(3600)
        try:
            return coroutine.send(None).get_loop()
        finally:
            coroutine.close()
    if name == "timeout":
        module.timeout(1)
        return asyncio._get_running_loop()
    coroutine = asyncio.sleep(0)
    try:
        task = module.create_task(coroutine)
    except RuntimeError:
        coroutine.close()
        raise
    return task.get_loop()


@contextlib.contextmanager
def said_to_run(loop, *, instead_of):
    asyncio._set_running_loop(loop)
    try:
        yield
    finally:
        asyncio._set_running_loop(instead_of)


@pytest.fixture(params=[asyncio, ferrio], ids=["asyncio's", "ferrio's"])
def module(request):
    """Whose functions; with either loop."""
    return request.param


@pytest.mark.parametrize("name", NAMES)
def test_a_callback_hides_the_loop(loop, module, name):
    def callback():
        assert ask(module, name) is loop
        with said_to_run(None, instead_of=loop), pytest.raises(RuntimeError, match="no running event loop"):
            ask(module, name)
        assert ask(module, name) is loop
        done.append(True)

    done = []
    loop.call_soon(callback)
    loop.run_until_complete(asyncio.sleep(0))
    loop.run_until_complete(asyncio.sleep(0))
    assert done == [True]


@pytest.mark.parametrize("name", NAMES)
def test_a_callback_names_another_loop(loop, loop_factory, module, name):
    other = loop_factory()

    def callback():
        with said_to_run(other, instead_of=loop):
            assert ask(module, name) is other
        assert ask(module, name) is loop
        done.append(True)

    done = []
    loop.call_soon(callback)
    loop.run_until_complete(asyncio.sleep(0))
    other.run_until_complete(asyncio.sleep(0))
    loop.run_until_complete(asyncio.sleep(0))
    other.close()
    assert done == [True]


@pytest.mark.parametrize("name", NAMES)
def test_another_thread_has_none_and_then_its_own(loop, loop_factory, module, name):
    other = loop_factory()

    async def theirs():
        return ask(module, name)

    def thread():
        try:
            ask(module, name)
        except RuntimeError as error:
            seen.append(str(error))
        seen.append(other.run_until_complete(theirs()))

    async def main():
        assert ask(module, name) is loop
        beside = threading.Thread(target=thread)
        beside.start()
        beside.join()
        # The other thread was the last one to ask.
        assert ask(module, name) is loop
        await asyncio.sleep(0)

    seen = []
    loop.run_until_complete(main())
    other.run_until_complete(asyncio.sleep(0))
    other.close()
    assert seen == ["no running event loop", other]


@pytest.mark.parametrize("name", NAMES)
def test_after_the_run_there_is_none(loop, module, name):
    loop.run_until_complete(asyncio.sleep(0))
    with pytest.raises(RuntimeError, match="no running event loop"):
        ask(module, name)
