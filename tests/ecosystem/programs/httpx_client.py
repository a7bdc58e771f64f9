"""httpx.AsyncClient: its pool, streams both ways, every kind of time-out, servers that break off, cancelled requests."""

import asyncio

import held
import httpx
import ran_on
from pattern import Seen, blocks, checksum
from uvicorn_served import serving

SIZE_BYTES = 20_000_001
peers = set()
over = asyncio.Event()


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    peers.add(scope["client"])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] == "/up":
        seen, message = Seen(), {"more_body": True}
        while message.get("more_body"):
            message = await receive()
            seen.add(message["body"])
        return await send({"type": "http.response.body", "body": repr(seen.sum).encode()})
    if scope["path"] == "/down":
        for block in blocks(SIZE_BYTES):
            await send({"type": "http.response.body", "body": block, "more_body": True})
        return await send({"type": "http.response.body"})
    if scope["path"] == "/stall":
        while (await receive())["type"] != "http.disconnect":
            pass
        return
    await asyncio.sleep(0.01)
    await send({"type": "http.response.body", "body": scope["query_string"]})


async def breaking_off(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    writer.close()


async def deaf(reader, writer):
    writer.transport.pause_reading()
    await over.wait()
    writer.close()


async def error(awaitable):
    try:
        return await awaitable
    except (httpx.HTTPError, asyncio.CancelledError) as error:
        return type(error).__name__


async def body(size):
    for block in blocks(size):
        yield block


async def main():
    ran_on.tell()
    async with serving(app) as port:
        before = held.now()
        url = f"http://127.0.0.1:{port}"
        limits = httpx.Limits(max_connections=10)
        async with httpx.AsyncClient(base_url=url, limits=limits, timeout=60, trust_env=False) as client:
            answers = await asyncio.gather(*(client.get("/", params={"n": n}) for n in range(200)))
            print("200 at once:", [answer.text for answer in answers] == [f"n={n}" for n in range(200)], len(peers) <= 10)
            seen, expected = Seen(), checksum(blocks(SIZE_BYTES))
            async with client.stream("GET", "/down") as answer:
                async for chunk in answer.aiter_raw():
                    seen.add(chunk)
            up = await client.post("/up", content=body(SIZE_BYTES))
            print("streams:", seen.sum == expected, up.text == repr(expected))
            async with client.stream("GET", "/down") as answer:
                async for _ in answer.aiter_raw():
                    break  # and leave the rest
            print("read:", await error(client.get("/stall", timeout=httpx.Timeout(60, read=0.05))))
            asking = [asyncio.create_task(error(client.get("/", params={"n": n}))) for n in range(100)]
            for number, task in enumerate(asking):
                await asyncio.sleep(0 if number % 3 else 0.001)
                if number % 2:
                    task.cancel()
            ends = await asyncio.gather(*asking)
            print("half of them cancelled:", {str(end) for end in ends} <= {"CancelledError", "<Response [200 OK]>"})
            print("pool still works:", (await client.get("/", params={"n": "last"})).text)

        listening = await asyncio.start_server(breaking_off, "127.0.0.1", 0)
        stuck = await asyncio.start_server(deaf, "127.0.0.1", 0)
        one = httpx.Limits(max_connections=1)
        async with httpx.AsyncClient(limits=one, timeout=httpx.Timeout(60, pool=0.05, write=0.05), trust_env=False) as client:
            broken, deaf_url = (f"http://127.0.0.1:{each.sockets[0].getsockname()[1]}" for each in (listening, stuck))
            print("broken off:", await error(client.get(broken)), await error(client.get("http://127.0.0.1:1")))
            print("write:", await error(client.post(deaf_url, content=body(SIZE_BYTES))))
            async with client.stream("GET", url):
                print("pool:", await error(client.get(url)))
            print("afterwards:", (await client.get(url + "/?n=1")).text)
        for server in listening, stuck:
            server.close()
        over.set()
        await held.back_to(before)
    print("OK")


asyncio.run(main())
