"""Many tasks at once: who is first, how many at a time, and what happens when one fails."""

import asyncio


async def visit(n, failing=False):
    await asyncio.sleep(n / 20)
    if failing:
        raise ValueError(f"no page {n}")
    return f"page {n}"


async def as_they_finish():
    # as_completed hands out results in the order in which they come, whatever the order of the arguments.
    for next_one in asyncio.as_completed([visit(3), visit(1), visit(2)]):
        print("finished:", await next_one)


async def two_at_a_time():
    # A semaphore of 2 lets two tasks in; the others wait at its door.
    door, inside, most = asyncio.Semaphore(2), 0, 0

    async def polite_visit(n):
        nonlocal inside, most
        async with door:
            inside += 1
            most = max(most, inside)
            page = await visit(1)
            inside -= 1
        return f"{n}: {page}"

    print(await asyncio.gather(*(polite_visit(n) for n in range(5))))
    print("at the same time at most:", most)


async def all_or_nothing():
    # A TaskGroup waits for its tasks at the end of the block. When one fails it cancels the others.
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(visit(n)) for n in (1, 2)]
    print("group:", [task.result() for task in tasks])
    try:
        async with asyncio.TaskGroup() as group:
            slow = group.create_task(visit(1000))
            group.create_task(visit(1, failing=True))
    except* ValueError as errors:  # except*, because several may have failed
        print("failed:", *errors.exceptions, "- the slow one cancelled:", slow.cancelled())


async def each_for_itself():
    # gather lets the others go on; with return_exceptions it returns the failures among the results.
    for result in await asyncio.gather(visit(2), visit(1, failing=True), return_exceptions=True):
        print("result:", repr(result))


if __name__ == "__main__":
    for main in (as_they_finish, two_at_a_time, all_or_nothing, each_for_itself):
        print("--", main.__name__)
        asyncio.run(main())
