"""FastAPI, Starlette below it, anyio's threads and httpx as the client, in one loop, do on ferrio what they do on asyncio."""


def test_an_application(on_both):
    on_both("fastapi_app.py")
