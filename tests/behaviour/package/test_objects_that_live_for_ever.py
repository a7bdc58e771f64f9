"""None and its like are not counted since CPython 3.12. Extensions made for older versions count them all the same, with 64 bits: then
part of the count is in the upper half of the word, and who counts must leave it there."""

import sys

import pytest

PROGRAM = """
    import ctypes

    lib = sys.modules[sys.argv[1]]

    def counts(value):
        return ctypes.c_uint64.from_address(id(value))

    # Py_INCREF as it was compiled up to 3.11, and the references are still there.
    for value in (None, True, False, 7, ()):
        counts(value).value += 1_000_000
    before = {repr(value): counts(value).value for value in (None, True, False, 7, ())}

    async def main():
        loop = asyncio.get_running_loop()
        queue = lib.Queue()
        for value in (None, True, False, 7, ()):
            for _ in range(300):
                await lib.sleep(0, value)
                future = loop.create_future()
                loop.call_soon(future.set_result, value)
                assert await future is value
                await queue.put(value)
                assert await queue.get() is value
                assert await lib.gather(lib.sleep(0, value), lib.sleep(0, value)) == [value, value]
                loop.call_later(0, id, value).cancel()

    run(main())
    # What is counted up without a carry and down with one moves by what is alive, not by half a word.
    for value in (None, True, False, 7, ()):
        moved = abs(counts(value).value - before[repr(value)])
        assert moved < 100_000, (value, hex(before[repr(value)]), hex(counts(value).value))
"""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="everything is counted")
def test_their_count_keeps_its_upper_half(flavour, script):
    script(PROGRAM, flavour.name)
