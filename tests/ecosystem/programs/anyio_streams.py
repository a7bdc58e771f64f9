# anyio's asyncio backend: TCP, UNIX, TLS and UDP sockets, processes and signals. Its loop comes from $LOOP_FACTORY, if that
# names one.
import os
import signal
import ssl
import subprocess
import sys

import anyio
import ran_on
import trustme
from anyio.streams.tls import TLSListener, TLSStream


async def sockets():
    async def echo(stream):
        async with stream:
            async for data in stream:
                await stream.send(data)

    async def talk(stream):
        async with stream, anyio.create_task_group() as group:
            group.start_soon(stream.send, bytes(500_000))
            received = 0
            while received < 500_000:
                received += len(await stream.receive())
            print(received)

    authority = trustme.CA()
    server, client = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(client)
    async with anyio.create_task_group() as group:
        tcp = await anyio.create_tcp_listener(local_host="127.0.0.1")
        port = tcp.extra(anyio.abc.SocketAttribute.local_port)
        group.start_soon(tcp.serve, echo)
        await talk(await anyio.connect_tcp("127.0.0.1", port))
        unix = await anyio.create_unix_listener("anyio.sock")
        group.start_soon(unix.serve, echo)
        await talk(await anyio.connect_unix("anyio.sock"))
        tcp = await anyio.create_tcp_listener(local_host="127.0.0.1")
        port = tcp.extra(anyio.abc.SocketAttribute.local_port)
        group.start_soon(TLSListener(tcp, server).serve, echo)
        plain = await anyio.connect_tcp("127.0.0.1", port)
        await talk(await TLSStream.wrap(plain, hostname="localhost", ssl_context=client))
        group.cancel_scope.cancel()
    one, two = [await anyio.create_udp_socket(local_host="127.0.0.1") for _ in range(2)]
    async with one, two:
        await one.sendto(b"datagram", "127.0.0.1", two.extra(anyio.abc.SocketAttribute.local_port))
        print((await two.receive())[0])


async def processes_and_signals():
    print((await anyio.run_process([sys.executable, "-c", "print(input()[::-1])"], input=b"abc\n")).stdout)
    async with await anyio.open_process(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        await process.stdin.send(b"to cat")
        print(await process.stdout.receive())
        process.terminate()
        print(await process.wait())
    with anyio.open_signal_receiver(signal.SIGUSR1, signal.SIGUSR2) as signals:
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            os.kill(os.getpid(), number)
            print((await anext(signals)).name)


async def main():
    ran_on.tell()
    for part in (sockets, processes_and_signals):
        await part()


anyio.run(main, backend_options={"loop_factory": ran_on.loop_factory()})
print("OK")
