"""What `loop.sock_*` are besides their results: coroutine functions, and coroutines that may be closed at any moment."""

import asyncio
import inspect
import sys

import pytest
from turns import settle

METHODS = {
    "sock_recv": ["sock", "nbytes"],
    "sock_recv_into": ["sock", "buf"],
    "sock_sendall": ["sock", "data"],
    "sock_recvfrom": ["sock", "bufsize"],
    "sock_recvfrom_into": ["sock", "buf", "nbytes"],
    "sock_sendto": ["sock", "data", "address"],
    "sock_accept": ["sock"],
    "sock_connect": ["sock", "address"],
}


@pytest.mark.parametrize("name", METHODS)
def test_the_methods(loop, name):
    method = getattr(loop, name)
    assert method.__name__ == name
    assert method.__qualname__.endswith(f".{name}")
    documented = getattr(asyncio.AbstractEventLoop, name)
    assert [*inspect.signature(documented).parameters][1:] == METHODS[name]
    assert len(inspect.signature(method).parameters) == len(METHODS[name])
    assert inspect.iscoroutinefunction(method)


@pytest.mark.parametrize("name", METHODS)
def test_the_coroutines(loop, ends, name):
    arguments = [ends[0], bytearray(1), 1][: len(METHODS[name])]
    coroutine = getattr(loop, name)(*arguments)
    assert asyncio.iscoroutine(coroutine) and inspect.isawaitable(coroutine)
    assert coroutine.__name__ == name
    assert coroutine.__qualname__.endswith(f".{name}")
    assert f".{name} at 0x" in repr(coroutine)
    coroutine.close()
    with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
        coroutine.send(None)


def test_one_that_nobody_awaits(loop, ends):
    with pytest.warns(RuntimeWarning, match=r"coroutine '\w+\.sock_recv' was never awaited"):
        loop.sock_recv(ends[0], 1)


def test_nothing_happens_before_it_is_awaited(run, ends):
    left, right = ends

    async def main():
        loop = asyncio.get_running_loop()
        right.send(b"abc")
        first, second = loop.sock_recv(left, 1), loop.sock_recv(left, 1)
        assert await second == b"a"
        assert await first == b"b"
        with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
            await first

    run(main())


def test_keywords_and_defaults(run, ends):
    left, right = ends

    async def main():
        loop = asyncio.get_running_loop()
        # Asyncio's own says "n", its documentation does not.
        nbytes = [*inspect.signature(loop.sock_recv).parameters][1]
        await loop.sock_sendall(data=b"hello", sock=right)
        assert await loop.sock_recv(sock=left, **{nbytes: 1}) == b"h"
        room = bytearray(2)
        assert await loop.sock_recv_into(buf=room, sock=left) == 2
        assert room == b"el"
        left.recv(10)
        for given in [{}, {"nbytes": 0}, {"nbytes": None}, {"nbytes": 2}, {"nbytes": 1}]:
            right.send(b"xyz")
            count, _address = await loop.sock_recvfrom_into(left, room, **given)
            assert count == (given.get("nbytes") or 2)
            left.recv(10)

    run(main())


@pytest.mark.parametrize(
    "call",
    [
        lambda loop, sock: loop.sock_recv(sock),
        lambda loop, sock: loop.sock_recv(sock, 1, 2),
        lambda loop, sock: loop.sock_recv(sock, size=1),
        lambda loop, sock: loop.sock_recv(sock, 1, nbytes=1),
        lambda loop, sock: loop.sock_accept(),
        lambda loop, sock: loop.sock_sendto(sock, b""),
    ],
)
def test_wrong_arguments(loop, ends, call):
    with pytest.raises(TypeError, match=r"sock_\w+\(\) "):
        call(loop, ends[0])


@pytest.mark.parametrize(
    ("nbytes", "error", "text"),
    [
        ("1", TypeError, "'str' object cannot be interpreted as an integer"),
        (1.0, TypeError, "'float' object cannot be interpreted as an integer"),
        (-1, ValueError, "negative buffersize in recv"),
        (sys.maxsize, (MemoryError, OverflowError), ""),
        (1 << 62, MemoryError, ""),
        (1 << 64, OverflowError, ""),
    ],
)
def test_sizes_that_are_none(run, ends, nbytes, error, text):
    left, right = ends

    async def main():
        loop = asyncio.get_running_loop()
        with pytest.raises(error, match=text or None):
            await loop.sock_recv(left, nbytes)
        right.send(b"still there")
        assert await loop.sock_recv(left, True) == b"s"
        assert await loop.sock_recv(left, 1 << 24) == b"till there"

    run(main())


def test_an_object_that_is_no_loop(loop, ends):
    with pytest.raises((TypeError, AttributeError)):
        asyncio.new_event_loop().run_until_complete(type(loop).sock_recv(object(), ends[0], 1))


@pytest.mark.parametrize("how", ["close", "throw"])
def test_ended_from_outside_while_it_waits(flavour, run, ends, how):
    left, right = ends

    async def main():
        loop = asyncio.get_running_loop()
        coroutine = loop.sock_recv(left, 10)
        assert asyncio.isfuture(coroutine.send(None))
        if how == "close":
            coroutine.close()
        else:
            with pytest.raises(ZeroDivisionError):
                coroutine.throw(ZeroDivisionError())
        if flavour.name == "asyncio":
            # Its reader is still there, and would take the next bytes.
            loop.remove_reader(left)
        right.send(b"kept")
        await settle()
        assert await loop.sock_recv(left, 10) == b"kept"
        left.close()
        assert left.fileno() == -1

    run(main())


def test_dropped_while_it_waits(flavour, run, ends):
    left, right = ends

    async def waiter():
        await asyncio.get_running_loop().sock_recv(left, 10)

    async def main():
        loop = asyncio.get_running_loop()
        coroutine = waiter()
        coroutine.send(None)
        del coroutine
        if flavour.name == "asyncio":
            loop.remove_reader(left)
        right.send(b"kept")
        assert await loop.sock_recv(left, 10) == b"kept"

    run(main())
