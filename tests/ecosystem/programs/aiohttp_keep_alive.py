"""One connection carries many requests; pipelined ones are answered in order; `Connection: close` and HTTP/1.0 end it."""

import asyncio

import aiohttp
import held
import ran_on
from aiohttp import web
from aiohttp_server import serving


async def peer(request):
    return web.json_response({"peer": request.transport.get_extra_info("peername")[1], "body": (await request.read()).decode()})


async def number(request):
    await asyncio.sleep(0.02 if request.match_info["n"] == "0" else 0)
    return web.Response(text=f"<{request.match_info['n']}>")


async def raw(port, data):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in (data[:7], data[7:]):  # not at a line's end
        writer.write(piece)
        await asyncio.sleep(0.01)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer.decode()


async def main():
    ran_on.tell()
    async with serving(("*", "/peer", peer), ("GET", "/{n}", number)) as port:
        before = held.now()
        url = f"http://127.0.0.1:{port}"
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
            seen = set()
            for turn in range(20):
                async with session.request("POST" if turn % 2 else "GET", url + "/peer", data=b"x" * turn) as answer:
                    told = await answer.json()
                    assert len(told["body"]) == turn
                    seen.add(told["peer"])
            print("connections for 20 requests in turn:", len(seen))
            texts = await asyncio.gather(*(fetch(session, f"{url}/{n}") for n in range(50)))
            print("50 at once through one:", "".join(texts) == "".join(f"<{n}>" for n in range(50)))
            seen = {(await (await session.get(url + "/peer", headers={"Connection": "close"})).json())["peer"] for _ in range(5)}
            print("connections for 5 closing requests:", len(seen))
        async with aiohttp.ClientSession() as session:
            answers = await asyncio.gather(*(session.get(url + "/peer") for _ in range(30)))
            print("connections for 30 open answers:", len({(await answer.json())["peer"] for answer in answers}))

        head = "GET /{} HTTP/1.1\r\nHost: x\r\n{}\r\n"
        many = "".join(head.format(n, "") for n in range(5)) + head.format(5, "Connection: close\r\n")
        answer = await raw(port, many.encode())
        places = [answer.index(f"<{n}>") for n in range(6)]
        print("pipelined:", answer.count("HTTP/1.1 200 OK"), places == sorted(places))
        answer = await raw(port, b"GET /1 HTTP/1.0\r\n\r\n")
        print("HTTP/1.0:", answer.splitlines()[0], answer.count("<1>"))
        await held.back_to(before)
    print("OK")


async def fetch(session, url):
    async with session.get(url) as answer:
        return await answer.text()


asyncio.run(main())
