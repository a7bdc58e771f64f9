# grpc.aio: each kind of call, deadlines, cancellation, errors, and a server that stops with grace; messages are plain bytes.
import asyncio

import grpc
import grpc.aio
import ran_on


async def echo(request, context):
    await context.send_initial_metadata((("kind", "echo"),))
    return request


async def count(request, context):
    for number in range(int(request)):
        yield str(number).encode()


async def add_up(requests, context):
    return str(sum([int(request) async for request in requests])).encode()


async def upper(requests, context):
    async for request in requests:
        yield request.upper()


async def sleep(request, context):
    at_sleep.set()
    try:
        await asyncio.sleep(float(request))
        return b"slept"
    except asyncio.CancelledError:
        cancelled.put_nowait("cancelled in the server")
        raise


async def refuse(request, context):
    await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not today")


at_sleep, cancelled = asyncio.Event(), asyncio.Queue()
HANDLERS = {
    **{f.__name__: grpc.unary_unary_rpc_method_handler(f) for f in (echo, sleep, refuse)},
    "count": grpc.unary_stream_rpc_method_handler(count),
    "add_up": grpc.stream_unary_rpc_method_handler(add_up),
    "upper": grpc.stream_stream_rpc_method_handler(upper),
}


async def calls(channel):
    call = channel.unary_unary("/test/echo")(b"hello")
    print(await call, dict(await call.initial_metadata())["kind"], await call.code())
    print(len(await channel.unary_unary("/test/echo")(bytes(3_000_000))))
    print(sum(map(len, await asyncio.gather(*[channel.unary_unary("/test/echo")(b"x" * n) for n in range(200)]))))
    print(len([message async for message in channel.unary_stream("/test/count")(b"1000")]))
    print(await channel.stream_unary("/test/add_up")(str(number).encode() for number in range(100)))
    both = channel.stream_stream("/test/upper")()
    for word in (b"one", b"two"):
        await both.write(word)
        print(await both.read())
    await both.done_writing()
    print(await both.read() is grpc.aio.EOF, await both.code())


async def ends(channel):
    for method, request, timeout in (("sleep", b"300", 0.5), ("refuse", b"", None), ("missing", b"", None)):
        try:
            await channel.unary_unary(f"/test/{method}")(request, timeout=timeout)
        except grpc.aio.AioRpcError as error:
            print(error.code(), error.details())
    print(await cancelled.get())
    at_sleep.clear()
    call = channel.unary_unary("/test/sleep")(b"300")
    await at_sleep.wait()
    print(call.cancel(), call.done())
    print(type((await asyncio.gather(call, return_exceptions=True))[0]).__name__, await call.code())
    print(await cancelled.get())


async def main():
    ran_on.tell()
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test", HANDLERS),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        await channel.channel_ready()
        await calls(channel)
        await ends(channel)
        at_sleep.clear()
        slow = channel.unary_unary("/test/sleep")(b"0.3")
        await at_sleep.wait()
        await server.stop(grace=60)
        print(await slow, await server.wait_for_termination(1))


asyncio.run(main())
print("OK")
