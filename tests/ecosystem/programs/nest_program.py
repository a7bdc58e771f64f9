"""A program written for nest_asyncio or nest_asyncio2. Arguments: the package, where it is applied, and how ferrio comes in:
as the loop's factory only, by `ferrio.install()`, or by ``python -m ferrio``."""

import asyncio
import contextvars
import importlib
import sys

package, applied, comes = sys.argv[1:4]
NUMBER = contextvars.ContextVar("number", default=0)


def new_loop():
    if comes == "loop":
        import ferrio

        return ferrio.new_event_loop()
    return asyncio.new_event_loop()


def apply(loop=None):
    nest = importlib.import_module(package)
    if loop is None:
        nest.apply()
    else:
        nest.apply(loop)


async def double(number):
    await asyncio.sleep(0.001)
    NUMBER.set(number)
    return 2 * number


def from_synchronous_code(number):
    return asyncio.get_event_loop().run_until_complete(double(number))


async def main():
    loop, me = asyncio.get_running_loop(), asyncio.current_task()
    if applied == "inside":
        apply()
    ticks = []

    async def tick():
        while True:
            ticks.append(1)
            await asyncio.sleep(0)

    ticking = asyncio.ensure_future(tick())
    before = len(ticks)
    assert from_synchronous_code(3) == 6
    assert len(ticks) > before, "other tasks go on"
    assert asyncio.run(double(4)) == 8
    assert asyncio.get_running_loop() is loop and asyncio.current_task() is me

    async def nesting(number):
        await asyncio.sleep(0)
        return from_synchronous_code(number)

    assert await asyncio.gather(*map(nesting, range(10))) == list(range(0, 20, 2))
    ticking.cancel()
    assert NUMBER.get() == 0
    for made in (asyncio.ensure_future(double(1)), loop.create_task(double(1)), loop.create_future()):
        print(type(made).__module__, end=" ")
        made.cancel()
        if comes != "loop":
            # Not the ones in Python, of which ours are no instances.
            kind = asyncio.Task if hasattr(made, "get_coro") else asyncio.Future
            assert isinstance(made, kind), kind
    await asyncio.sleep(0)
    return type(loop).__module__


if comes == "install":
    import ferrio

    if applied == "before":
        apply(first := new_loop())
    ferrio.install()
elif applied == "before":
    apply(first := new_loop())
loop = new_loop()
asyncio.set_event_loop(loop)
if applied == "loop":
    apply(loop)
if applied == "outside":
    apply()
print(loop.run_until_complete(main()))
# Their own run keeps to the current loop.
assert asyncio.run(double(5)) == 10
loop.close()
if applied == "before":
    # asyncio's own, left to the collector, may find its sockets finalized before it.
    first.close()
if comes == "install":
    ferrio.uninstall()
