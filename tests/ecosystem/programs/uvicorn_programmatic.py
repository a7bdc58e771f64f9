"""`await uvicorn.Server(config).serve()` inside asyncio.run: beside other tasks, ended by a flag, a signal or a cancellation."""

import asyncio
import os
import signal

import held
import ran_on
import uvicorn


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        for step in "startup", "shutdown":
            await receive()
            print("app:", step)
            await send({"type": f"lifespan.{step}.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


async def ask(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer[-5:]


async def served(end, **options):
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, **options))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.001)
    port = server.servers[0].sockets[0].getsockname()[1]
    print(set(await asyncio.gather(*(ask(port) for _ in range(50)))))
    idle = await asyncio.open_connection("127.0.0.1", port)
    end(server, task)
    try:
        await task
        print("served")
    except (asyncio.CancelledError, KeyboardInterrupt) as error:
        print("ended by", type(error).__name__)
    idle[1].close()


async def main():
    ran_on.tell()
    signal.signal(signal.SIGTERM, lambda *_: print("SIGTERM handed on"))
    before = held.now()
    for parser in "httptools", "h11":
        await served(lambda server, task: setattr(server, "should_exit", True), http=parser)
    await served(lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    print("signals:", signal.getsignal(signal.SIGINT) is not signal.default_int_handler)
    await held.back_to(before)
    await served(lambda server, task: task.cancel())
    print("OK")


asyncio.run(main())
