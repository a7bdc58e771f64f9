"""An ASGI application without a framework, for a real uvicorn. What it says goes to the server's output."""

import asyncio
import os
import time

import ran_on


def say(text):
    os.write(1, f"app: {text}\n".encode())  # at once: workers share the file


async def app(scope, receive, send):
    await {"lifespan": lifespan, "http": http, "websocket": websocket}[scope["type"]](scope, receive, send)


async def lifespan(scope, receive, send):
    assert (await receive())["type"] == "lifespan.startup"
    ran_on.tell()
    scope["state"]["greeting"] = "hello"
    say("startup")
    await send({"type": "lifespan.startup.complete"})
    assert (await receive())["type"] == "lifespan.shutdown"
    say("shutdown")
    await send({"type": "lifespan.shutdown.complete"})


async def http(scope, receive, send):
    async def body(data, more=False):
        await send({"type": "http.response.body", "body": data, "more_body": more})

    path = scope["path"]
    if path == "/broken":
        raise ValueError("in the application")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-path", path.encode())]})
    if path == "/pid":
        await body(str(os.getpid()).encode())
    elif path == "/greeting":
        await body(scope["state"]["greeting"].encode())
    elif path == "/busy":
        time.sleep(0.05)  # the other worker has to take what comes meanwhile
        await body(str(os.getpid()).encode())
    elif path == "/slow":
        say("slow begun")
        await body(b"begun ", more=True)
        await asyncio.sleep(0.5)
        await body(b"and finished")
    elif path == "/echo":
        more = True
        while more:
            message = await receive()
            more = message.get("more_body", False)
            await body(message["body"], more)
    elif path == "/flood":
        for _ in range(200):
            await body(b"x" * 100_000, more=True)
        await body(b"")
    elif path == "/until-gone":
        await body(b"here", more=True)
        message = {}
        while message.get("type") != "http.disconnect":
            message = await receive()
        say("client gone")
    else:
        await body(b"?")


async def websocket(scope, receive, send):
    assert (await receive())["type"] == "websocket.connect"
    if scope["path"] == "/refused":
        return await send({"type": "websocket.close", "code": 1008})
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("text") == "close":
            return await send({"type": "websocket.close", "code": 4000, "reason": "as you wish"})
        await send({"type": "websocket.send", "text": message.get("text"), "bytes": message.get("bytes")})
    say(f"websocket closed {message['code']}")
