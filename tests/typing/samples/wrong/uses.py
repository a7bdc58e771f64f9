"""What a type checker must object to. Not to be run."""

import asyncio

import ferrio
import ferrio.nowhere  # expect: import-not-found
from ferrio.subprocess import PIPES  # expect: attr-defined


async def answer() -> int:
    return 42


async def under_asyncios_names(loop: ferrio.Loop) -> None:
    text: str = await ferrio.wait_for(answer(), 1)  # expect: arg-type
    queue: ferrio.Queue[int] = ferrio.Queue()
    queue.put_nowait("one")  # expect: arg-type
    future: ferrio.Future[int] = loop.create_future()
    future.set_result(text)  # expect: arg-type
    future.set_result(result=1)  # expect: call-arg
    future.add_done_callback(answer)  # expect: arg-type
    await ferrio.gather(answer(), 1)  # expect: call-overload
    ferrio.sleeep(1)  # expect: attr-defined
    ferrio.subprocess.PIPES  # expect: attr-defined
    task: ferrio.Task[str] = ferrio.create_task(answer())  # expect: arg-type
    task.cancel(reason="late")  # expect: call-arg


async def on_the_loop(loop: ferrio.Loop) -> None:
    loop.call_soon(print, end="")  # expect: call-arg
    loop.call_soon(len, 1)  # expect: arg-type
    loop.call_later("1", print)  # expect: arg-type
    loop.create_task(answer)  # expect: arg-type
    loop.create_task(answer(), nmae="answer")  # expect: call-arg
    loop.set_task_factory(answer)  # expect: arg-type
    loop.set_exception_handler(answer)  # expect: arg-type
    await loop.run_in_executor(None, len, 1)  # expect: arg-type
    await loop.create_server(asyncio.Protocol, port="echo")  # expect: call-overload
    await loop.sock_recv(0, 10)  # expect: arg-type
    transport, protocol = await loop.create_connection(asyncio.Protocol, "localhost", 80)
    transport.write("text")  # expect: arg-type


def at_the_top() -> None:
    ferrio.run(answer)  # expect: arg-type
    ferrio.run(answer(), loop=None)  # expect: call-arg
    ferrio.run(answer(), True)  # expect: call-arg
    ferrio.run(answer(), loop_factory=ferrio.Future)  # expect: arg-type
    text: str = ferrio.run(answer())  # expect: assignment
    ferrio.install(True)  # expect: call-arg
    ferrio.Loop(debug=True)  # expect: call-arg
    ferrio.Task(answer)  # expect: arg-type
