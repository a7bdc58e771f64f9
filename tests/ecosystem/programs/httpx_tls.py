"""httpx over TLS: a CA of one's own, the wrong name, an unknown issuer, a port without TLS, a deadline in the handshake."""

import asyncio
import sys

import held
import httpx
import ran_on
from certified import client_context
from uvicorn_served import serving

_, SERVER, ELSEWHERE = sys.argv[-3:]


async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["scheme"].encode() * 100_000})


async def silence(reader, writer):
    await reader.read()
    while not reader.at_eof():
        await reader.read()
    writer.close()


async def ask(client, url):
    try:
        answer = await client.get(url)
        return answer.status_code, len(answer.content)
    except httpx.HTTPError as error:
        return type(error).__name__, "certificate verify failed" in str(error)


async def main():
    ran_on.tell()
    silent = await asyncio.start_server(silence, "127.0.0.1", 0)
    async with (
        serving(app, ssl_certfile=SERVER) as port,
        serving(app, ssl_certfile=ELSEWHERE) as other_port,
        serving(app, log_level="error") as plain_port,
    ):
        before = held.now()
        async with (
            httpx.AsyncClient(verify=client_context(), trust_env=False) as client,
            httpx.AsyncClient(trust_env=False) as distrustful,
            httpx.AsyncClient(verify=False, trust_env=False) as careless,
        ):
            print("right:", await ask(client, f"https://localhost:{port}"))
            print("at once:", set(await asyncio.gather(*(ask(client, f"https://localhost:{port}") for _ in range(50)))))
            print("wrong name:", await ask(client, f"https://localhost:{other_port}"))
            print("not looked at:", await ask(careless, f"https://localhost:{other_port}"))
            print("unknown issuer:", await ask(distrustful, f"https://localhost:{port}"))
            print("no TLS there:", await ask(client, f"https://localhost:{plain_port}"))
            client.timeout = 0.05
            print("silence:", await ask(client, f"https://localhost:{silent.sockets[0].getsockname()[1]}"))
        silent.close()
        await silent.wait_closed()
        await held.back_to((before[0] - 1, before[1]))  # less the silent server
    print("OK")


asyncio.run(main())
