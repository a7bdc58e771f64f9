"""getaddrinfo and getnameinfo answer what the socket module answers."""

import asyncio
import socket

import pytest

QUESTIONS = [
    (("127.0.0.1", 80), {}),
    (("127.0.0.1", 80), {"type": socket.SOCK_STREAM}),
    (("127.0.0.1", "80"), {"type": socket.SOCK_STREAM}),
    (("127.0.0.1", b"80"), {"type": socket.SOCK_STREAM}),
    (("127.0.0.1", None), {"type": socket.SOCK_STREAM}),
    (("127.0.0.1", "http"), {"type": socket.SOCK_STREAM}),
    (("127.0.0.1", 0), {"type": socket.SOCK_DGRAM}),
    (("127.0.0.1", 65_535), {"type": socket.SOCK_STREAM, "proto": socket.IPPROTO_TCP}),
    ((b"127.0.0.1", 80), {"type": socket.SOCK_STREAM}),
    (("::1", 80), {"type": socket.SOCK_STREAM}),
    (("::1", 80), {"family": socket.AF_INET6, "type": socket.SOCK_STREAM}),
    (("fe80::1%1", 80), {"type": socket.SOCK_STREAM}),
    (("::ffff:1.2.3.4", 80), {"type": socket.SOCK_STREAM}),
    (("0.0.0.0", 80), {"type": socket.SOCK_STREAM}),
    (("localhost", 80), {"type": socket.SOCK_STREAM}),
    (("localhost", 80), {"family": socket.AF_INET}),
    (("localhost", "https"), {"type": socket.SOCK_STREAM}),
    ((None, 80), {"type": socket.SOCK_STREAM}),
    ((None, 80), {"type": socket.SOCK_STREAM, "flags": socket.AI_PASSIVE}),
    ((None, "http"), {"flags": socket.AI_PASSIVE}),
    (("", 80), {"type": socket.SOCK_STREAM}),
    (("127.1", 80), {"type": socket.SOCK_STREAM}),
    (("0x7f000001", 80), {"type": socket.SOCK_STREAM}),
    (("127.0.0.1", 80), {"type": socket.SOCK_STREAM, "flags": socket.AI_CANONNAME}),
    (("127.0.0.1", 80), {"type": socket.SOCK_STREAM, "flags": socket.AI_NUMERICHOST}),
    (("127.0.0.1", 80), {"type": socket.SOCK_RAW}),
]

MISTAKES = [
    (("no-such-host.invalid", 80), {}),
    (("127.0.0.1", "no-such-service"), {"type": socket.SOCK_STREAM}),
    (("127.0.0.1", 80), {"family": socket.AF_INET6}),
    (("::1", 80), {"family": socket.AF_INET}),
    (("localhost", 80), {"flags": socket.AI_NUMERICHOST}),
    ((None, None), {}),
    (("127.0.0.1", 80), {"family": 12_345}),
    (("127.0.0.1", 80), {"type": 12_345}),
    (("127.0.0.1", 80), {"type": socket.SOCK_STREAM, "proto": socket.IPPROTO_UDP}),
    (("127.0.0.1.", 80), {}),
    (("1.2.3.4.5", 80), {}),
    (("\0", 80), {}),
    (("a" * 300, 80), {}),
    (("ä" * 100, 80), {}),
    ((3, 80), {}),
    (("127.0.0.1", 1.5), {}),
    (("127.0.0.1", object()), {}),
    (("127.0.0.1", -1), {"type": socket.SOCK_STREAM}),
    (("127.0.0.1", 70_000), {"type": socket.SOCK_STREAM}),
    (("127.0.0.1", 2**80), {"type": socket.SOCK_STREAM}),
]


def outcome(function, *args, **kwargs):
    try:
        return function(*args, **kwargs)
    except Exception as error:
        return type(error), str(error) if isinstance(error, OSError) else None


@pytest.mark.parametrize("args, kwargs", QUESTIONS + MISTAKES)
def test_getaddrinfo_is_the_socket_modules(run, args, kwargs):
    async def main():
        return await asyncio.get_running_loop().getaddrinfo(*args, **kwargs)

    assert outcome(run, _never_unraised(main)) == outcome(socket.getaddrinfo, *args, **kwargs)


async def _never_unraised(main):
    return await main()


def test_the_answer_is_of_the_same_types(run):
    async def main():
        return await asyncio.get_running_loop().getaddrinfo(
            "127.0.0.1", 80, type=socket.SOCK_STREAM
        )

    ((family, kind, proto, canonical, address),) = run(main())
    assert isinstance(family, socket.AddressFamily)
    assert isinstance(kind, socket.SocketKind)
    assert type(proto) is int and type(canonical) is str and type(address) is tuple


@pytest.mark.parametrize(
    "address, flags",
    [
        (("127.0.0.1", 80), 0),
        (("127.0.0.1", 80), socket.NI_NUMERICHOST),
        (("127.0.0.1", 80), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV),
        (("127.0.0.1", 53), socket.NI_NUMERICHOST | socket.NI_DGRAM),
        (("::1", 80, 0, 0), socket.NI_NUMERICHOST),
        (("localhost", 80), 0),
        (("no-such-host.invalid", 80), 0),
        (("127.0.0.1", 70_000), 0),
        (("127.0.0.1",), 0),
        ("127.0.0.1", 0),
        (None, 0),
        (("127.0.0.1", "http"), 0),
    ],
)
def test_getnameinfo_is_the_socket_modules(run, address, flags):
    async def main():
        return await asyncio.get_running_loop().getnameinfo(address, flags)

    assert outcome(run, _never_unraised(main)) == outcome(socket.getnameinfo, address, flags)


def test_many_at_once(run):
    async def main():
        loop = asyncio.get_running_loop()
        answers = await asyncio.gather(
            *(loop.getaddrinfo("localhost", port) for port in range(1, 100))
        )
        assert [answer[0][4][1] for answer in answers] == list(range(1, 100))

    run(main())


def test_cancelled_in_the_middle(run):
    async def main():
        loop = asyncio.get_running_loop()
        tasks = [
            asyncio.ensure_future(loop.getaddrinfo("localhost", port)) for port in range(1, 20)
        ]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        return await loop.getaddrinfo("localhost", 80, family=socket.AF_INET)

    assert run(main())


def test_the_loop_closed_over_a_question(loop):
    async def ask():
        task = asyncio.ensure_future(loop.getaddrinfo("localhost", 80))
        await asyncio.sleep(0)
        task.cancel()

    loop.run_until_complete(ask())
