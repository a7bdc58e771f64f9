"""Coroutines, tasks, wait and gather: what runs when."""

import asyncio


async def number(n):
    print("start", n)
    await asyncio.sleep(n / 20)  # the task pauses here; the others go on
    print("end", n)
    return n * 10


async def one_after_the_other():
    # await runs a coroutine to its end before the next line.
    print(await number(2))
    print(await number(1))


async def at_the_same_time():
    # A task starts by itself at the next pause of the running code.
    tasks = [asyncio.create_task(number(n)) for n in (3, 1, 2)]
    print("created", len(tasks))
    # wait gives two sets, not lists: the results come in no particular order.
    done, pending = await asyncio.wait(tasks)
    print(sorted(task.result() for task in done), "pending:", len(pending))


async def in_order():
    # gather makes the tasks itself and returns the results in the order of its arguments.
    print(await asyncio.gather(number(3), number(1), number(2)))


async def until_the_first():
    tasks = [asyncio.create_task(number(n)) for n in (1, 20)]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    print("first:", done.pop().result())
    for task in pending:
        task.cancel()
    # return_exceptions: an exception, here CancelledError, becomes a result.
    results = await asyncio.gather(*pending, return_exceptions=True)
    print("cancelled:", [type(result).__name__ for result in results])


if __name__ == "__main__":
    coroutine = number(0)
    # Calling an async function runs nothing; it makes a coroutine, which somebody has to run.
    print("a coroutine:", asyncio.iscoroutine(coroutine))
    print(asyncio.run(coroutine))
    for main in (one_after_the_other, at_the_same_time, in_order, until_the_first):
        print("--", main.__name__)
        asyncio.run(main())
