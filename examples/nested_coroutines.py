"""Coroutines that await coroutines: how results, exceptions and cancellation travel through the chain."""

import asyncio


async def boil(n):
    # The innermost coroutine waits for the loop itself, as every chain of awaits does in the end.
    await asyncio.sleep(n / 20)
    if n == 0:
        raise ValueError("no water")
    return f"{n} eggs"


async def cook(n):
    print("cook", n)
    try:
        eggs = await boil(n)  # this one pauses with boil, in the same task
    finally:
        print("kitchen clean", n)  # runs however boil ends
    return f"plate of {eggs}"


async def serve():
    # The outer coroutine makes tasks of the inner ones: now they pause one by one, not all together.
    tasks = [asyncio.create_task(cook(n)) for n in (3, 1, 2)]
    done, pending = await asyncio.wait(tasks)
    # return is how an inner coroutine gives its result to the outer one.
    return sorted(task.result() for task in done)


async def plates():
    # An async generator gives several results, one at each yield.
    for n in (1, 2):
        yield await cook(n)


async def main():
    print("one inside the other:", await cook(1))
    print("served:", await serve())

    async for plate in plates():
        print("plate by plate:", plate)

    # An exception rises through every coroutine that awaits, until one catches it.
    try:
        await cook(0)
    except ValueError as error:
        print("caught outside:", error)

    # Cancelling a task reaches the innermost await and rises from there.
    task = asyncio.create_task(cook(1000))
    await asyncio.sleep(0)  # let it begin
    task.cancel()
    print("cancelled:", await asyncio.gather(task, return_exceptions=True))


if __name__ == "__main__":
    asyncio.run(main())
