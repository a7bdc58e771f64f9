# anyio's asyncio backend: task groups, cancel scopes, threads both ways, a portal and memory streams. Its loop comes from
# $LOOP_FACTORY, if that names one.
import asyncio

import anyio
import anyio.from_thread
import anyio.to_thread
import ran_on
from anyio._backends._asyncio import find_root_task


async def scopes():
    with anyio.move_on_after(0.05) as scope:
        await anyio.sleep_forever()
    print("timed out", scope.cancelled_caught)
    with anyio.CancelScope() as outer:
        async with anyio.create_task_group() as group:
            async def shielded():
                try:
                    await anyio.sleep_forever()
                finally:
                    with anyio.CancelScope(shield=True):
                        await anyio.sleep(0.01)
                        print("cleaned up")

            group.start_soon(shielded)
            await anyio.wait_all_tasks_blocked()
            print(sorted(task.name.rpartition(".")[2] for task in anyio.get_running_tasks()))
            outer.cancel()
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep_forever)
            raise ValueError("from the group")
    except* ValueError as group:
        print(group.exceptions)


async def root_tasks():
    # What lives as long as the program is ended by the task that was run, whichever task began it.
    async def begin():
        return find_root_task()

    print(await asyncio.create_task(begin()) is asyncio.current_task())


async def threads():
    def work(number):
        anyio.from_thread.check_cancelled()
        return anyio.from_thread.run(anyio.to_thread.run_sync, abs, -number) + anyio.from_thread.run_sync(int, "1")

    async def user(number):
        results.append(await anyio.to_thread.run_sync(work, number))

    results = []
    async with anyio.create_task_group() as group:
        for number in range(30):
            group.start_soon(user, number)
    print(sum(results))
    async with anyio.from_thread.BlockingPortal() as portal:
        print(await anyio.to_thread.run_sync(lambda: portal.call(anyio.sleep, 0)))


async def memory():
    async def produce(number, send):
        async with send:
            for item in range(100):
                await send.send(number * 100 + item)

    send, receive = anyio.create_memory_object_stream[int](3)
    async with anyio.create_task_group() as group:
        for number in range(3):
            group.start_soon(produce, number, send.clone())
        send.close()
        print(sum([item async for item in receive]))
    receive.close()


async def main():
    ran_on.tell()
    for part in (scopes, root_tasks, threads, memory):
        await part()


anyio.run(main, backend_options={"loop_factory": ran_on.loop_factory()})
print("OK")
