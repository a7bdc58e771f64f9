"""FastAPI in uvicorn: dependencies, background tasks, endpoints in threads, streams, events, clients that leave, websockets."""

import asyncio
import contextlib
import gc
import threading
from typing import Annotated

import held
import httpx
import ran_on
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, Request, UploadFile, WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from uvicorn_served import serving
from websockets.asyncio.client import connect

happened = []
left = asyncio.Queue()


@contextlib.asynccontextmanager
async def lifespan(app):
    ran_on.tell()
    happened.append("up")
    yield {"greeting": "hello"}
    happened.append("down")


app = FastAPI(lifespan=lifespan)
bare = FastAPI()  # a BaseHTTPMiddleware hides from an endpoint that the client has gone


class Item(BaseModel):
    name: str
    price: float


async def resource():
    happened.append("opened")
    try:
        yield "resource"
    except HTTPException:
        happened.append("failed")
        raise
    finally:
        happened.append("closed")


@app.middleware("http")
async def header(request, call_next):
    answer = await call_next(request)
    answer.headers["x-middleware"] = "yes"
    return answer


@app.get("/greeting")
async def greeting(request: Request):
    return request.state.greeting


@app.post("/items")
async def items(item: Item, held: Annotated[str, Depends(resource)]):
    if item.price < 0:
        raise HTTPException(418)
    return {"item": item, "held": held}


@app.get("/thread")
def in_thread(number: int):
    return {"number": number, "main": threading.current_thread() is threading.main_thread()}


@app.post("/background")
async def background(tasks: BackgroundTasks):
    async def later():
        await asyncio.sleep(0.01)
        left.put_nowait("background task")

    tasks.add_task(later)
    tasks.add_task(asyncio.get_running_loop().call_soon_threadsafe, left.put_nowait, "in a thread")
    return "accepted"


@app.post("/upload")
async def upload(file: UploadFile):
    return await run_in_threadpool(lambda: len(file.file.read()))


@app.get("/events")
async def events(request: Request, endless: bool = False):
    async def stream():
        try:
            number = 0
            while endless or number < 5:
                yield f"id: {number}\ndata: event {number}\n\n"
                number += 1
                await asyncio.sleep(0.001)
        finally:
            left.put_nowait("stream ended")

    return StreamingResponse(stream(), media_type="text/event-stream")


@app.get("/sync-stream")
def sync_stream():
    return StreamingResponse((b"x" * 10_000 for _ in range(500)))


@bare.get("/wait")
async def wait(request: Request):
    left.put_nowait("waiting")
    while not await request.is_disconnected():
        await asyncio.sleep(0.005)
    left.put_nowait("disconnected")


@app.websocket("/rooms/{name}")
async def room(socket: WebSocket, name: str):
    await socket.accept()
    try:
        while True:
            await socket.send_json({name: await socket.receive_text()})
    except WebSocketDisconnect as gone:
        left.put_nowait(gone.code)


async def main():
    options = {"timeout": 60, "trust_env": False}
    async with (
        serving(app) as port,
        serving(bare) as bare_port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", **options) as client,
    ):
        await client.get("/thread?number=0")
        print((await client.get("/greeting")).json(), (await client.get("/nowhere")).status_code)
        for price in 1.5, -1, "much":
            answer = await client.post("/items", json={"name": "thing", "price": price})
            print(answer.status_code, answer.headers["x-middleware"], happened)
            happened.clear()
        answers = await asyncio.gather(*(client.get("/thread", params={"number": n}) for n in range(100)))
        print("threads:", [answer.json() for answer in answers] == [{"number": n, "main": False} for n in range(100)])
        print((await client.post("/background")).json(), await left.get(), await left.get())
        print("upload:", (await client.post("/upload", files={"file": ("big", b"x" * 5_000_000)})).json())
        print("events:", (await client.get("/events")).text.count("data: event"), await left.get())
        print("stream of a thread:", len((await client.get("/sync-stream")).content))
        async with client.stream("GET", "/events?endless=true") as answer:
            lines = answer.aiter_lines()
            print([await anext(lines) for _ in range(4)])
        while left.empty():  # cancelled in send(), the generator waits for the collector: Starlette's frames refer to each other
            gc.collect()
            await asyncio.sleep(0.005)
        print("left:", await left.get())
        waiting = asyncio.create_task(client.get(f"http://127.0.0.1:{bare_port}/wait"))
        print(await left.get())
        waiting.cancel()
        print(await left.get())
        async with connect(f"ws://127.0.0.1:{port}/rooms/blue", proxy=None) as socket:
            await socket.send("hello")
            print(await socket.recv())
        print("websocket left:", await left.get())
    print(happened)
    print("tasks:", held.now()[1])
    print("OK")


asyncio.run(main())
