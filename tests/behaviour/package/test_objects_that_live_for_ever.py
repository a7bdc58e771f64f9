"""None and its like are not counted since CPython 3.12. Extensions made for older versions count them all the same, with 64 bits: then
part of the count is in the upper half of the word, and who counts must leave it there."""

import subprocess
import sys
import textwrap

import pytest

PROGRAM = """
    import asyncio, ctypes, sys

    if sys.argv[1] == "ferrio":
        import ferrio
        ferrio.install()
        new_event_loop = ferrio.new_event_loop
    else:
        new_event_loop = asyncio.new_event_loop

    def counts(value):
        return ctypes.c_uint64.from_address(id(value))

    # Py_INCREF as it was compiled up to 3.11, and the references are still there.
    for value in (None, True, False, 7, ()):
        counts(value).value += 1_000_000
    before = {repr(value): counts(value).value for value in (None, True, False, 7, ())}

    async def main():
        loop = asyncio.get_running_loop()
        queue = asyncio.Queue()
        for value in (None, True, False, 7, ()):
            for _ in range(300):
                await asyncio.sleep(0, value)
                future = loop.create_future()
                loop.call_soon(future.set_result, value)
                assert await future is value
                await queue.put(value)
                assert await queue.get() is value
                assert await asyncio.gather(asyncio.sleep(0, value), asyncio.sleep(0, value)) == [value, value]
                loop.call_later(0, id, value).cancel()

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(main())
    # What is counted up without a carry and down with one moves by what is alive, not by half a word.
    for value in (None, True, False, 7, ()):
        moved = abs(counts(value).value - before[repr(value)])
        assert moved < 100_000, (value, hex(before[repr(value)]), hex(counts(value).value))
    print("alive")
"""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="everything is counted")
@pytest.mark.parametrize("flavour", ["ferrio", "asyncio"])
def test_their_count_keeps_its_upper_half(flavour):
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), flavour]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr
