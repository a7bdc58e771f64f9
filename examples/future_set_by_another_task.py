"""A Future is a result that is not there yet: one task sets it, others wait for it."""

import asyncio


async def set_after(future, delay, value):
    await asyncio.sleep(delay)
    print("setting", value)
    future.set_result(value)


async def wait_for_it(name, future):
    # Any number of tasks may await one future. They all go on when it is set.
    print(name, "got", await future)


async def main():
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    print("done:", future.done())
    await asyncio.gather(
        wait_for_it("first", future),
        wait_for_it("second", future),
        set_after(future, 0.02, "2"),
    )
    print("done:", future.done(), "result:", future.result())

    # A finished future keeps its result; awaiting it again does not pause.
    print("again:", await future)
    try:
        future.set_result("3")
    except asyncio.InvalidStateError:
        print("a result is set once")

    # An exception travels the same way.
    broken = loop.create_future()
    loop.call_later(0.01, broken.set_exception, OSError("the line is dead"))
    try:
        await broken
    except OSError as error:
        print("caught:", error)

    # Waiting may have a limit; the future is cancelled when the time is up.
    forgotten = loop.create_future()
    try:
        await asyncio.wait_for(forgotten, timeout=0.01)
    except TimeoutError:
        print("nobody set it; cancelled:", forgotten.cancelled())


if __name__ == "__main__":
    asyncio.run(main())
