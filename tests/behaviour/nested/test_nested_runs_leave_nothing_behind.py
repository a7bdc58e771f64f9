"""10,000 nested runs: no object, no descriptor and no memory is left over."""

import pytest

PROGRAM = """
import ferrio, gc

def sample():
    gc.collect()
    gc.collect()
    with open("/proc/self/statm") as statm:
        kib = int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    return kib, len(gc.get_objects()), len(os.listdir("/proc/self/fd"))

async def value():
    await asyncio.sleep(0)
    return 42

async def fail():
    raise LookupError

async def runs(loop, count):
    for _ in range(count // 4):
        assert asyncio.run(value()) == 42
        assert loop.run_until_complete(asyncio.ensure_future(value())) == 42
        try:
            asyncio.run(fail())
        except LookupError:
            pass
        call = loop.create_future()
        loop.call_soon(lambda: call.set_result(loop.run_until_complete(value())))
        assert await call == 42

async def main():
    loop = asyncio.get_running_loop()
    ferrio.allow_nested(loop)
    await runs(loop, 2000)
    before = sample()
    await runs(loop, 10000)
    return before, sample()

before, after = run(main())
assert after[0] <= before[0] + 2048, (before, after)
assert after[1] <= before[1] + 50, (before, after)
assert after[2] == before[2], (before, after)
"""


@pytest.mark.debug_off
def test_flat(script):
    script(PROGRAM)
