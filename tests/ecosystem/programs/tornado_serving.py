# tornado: an HTTP server and its client, websockets, a TCP server on IOStreams.
import asyncio
import concurrent.futures
import socket

import ran_on
from tornado import gen, httpclient, iostream, netutil, tcpserver, web, websocket
from tornado.concurrent import run_on_executor
from tornado.httpserver import HTTPServer


class Main(web.RequestHandler):
    executor = concurrent.futures.ThreadPoolExecutor(2)

    @run_on_executor
    def work(self, number):
        return number * 2

    async def get(self):
        for part in range(3):
            self.write(f"part {part} ")
            await self.flush()
        self.write(str(await self.work(21)))

    async def post(self):
        self.write(str(len(self.request.body)))


class Chat(websocket.WebSocketHandler):
    async def on_message(self, message):
        await self.write_message(message[::-1], binary=isinstance(message, bytes))
        if message == "close":
            self.close(4000, "as asked")


class Echo(tcpserver.TCPServer):
    async def handle_stream(self, stream, address):
        try:
            while True:
                await stream.write(await stream.read_until(b"\n"))
        except iostream.StreamClosedError:
            pass


async def serve():
    ran_on.tell()
    server = HTTPServer(web.Application([("/", Main), ("/chat", Chat)], log_function=lambda handler: None))
    sockets = netutil.bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    url = "127.0.0.1:%d" % sockets[0].getsockname()[1]
    client = httpclient.AsyncHTTPClient()
    print((await client.fetch(f"http://{url}/")).body)
    print((await client.fetch(f"http://{url}/", method="POST", body=bytes(3_000_000))).body)
    print({answer.code for answer in await gen.multi([client.fetch(f"http://{url}/") for _ in range(50)])})
    try:
        await client.fetch(f"http://{url}/missing")
    except httpclient.HTTPClientError as error:
        print(error)
    chat = await websocket.websocket_connect(f"ws://{url}/chat")
    for message in ("text", b"bytes" * 30_000, "close"):
        await chat.write_message(message, binary=isinstance(message, bytes))
        print(len(await chat.read_message()))
    print(await chat.read_message(), chat.close_code, chat.close_reason)
    client.close()
    server.stop()
    await server.close_all_connections()
    echo = Echo()
    echo.add_sockets(netutil.bind_sockets(0, "127.0.0.1"))
    stream = iostream.IOStream(socket.socket())
    await stream.connect(next(iter(echo._sockets.values())).getsockname())
    await stream.write(b"x" * 3_000_000 + b"\n")
    print(len(await stream.read_until(b"\n")))
    stream.close()
    echo.stop()


asyncio.run(serve())
print("OK")
