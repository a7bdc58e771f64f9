"""A transport's descriptor is nobody else's, whether the loop waits for it at the moment or not."""

import asyncio
import gc
import socket
import sys

import pytest


def paused(transport):
    transport.pause_reading()


def half_closed(transport):
    transport.write_eof()
    transport.pause_reading()


def reading(transport):
    pass


def claims(loop, fd):
    return [
        lambda: loop.add_reader(fd, print),
        lambda: loop.add_writer(fd, print),
        lambda: loop.remove_reader(fd),
        lambda: loop.remove_writer(fd),
    ]


@pytest.mark.parametrize("state", [reading, paused, half_closed])
def test_a_stream_keeps_its_own(run, pair, state):
    async def main():
        loop = asyncio.get_running_loop()
        async with pair() as (left, right):
            state(left.transport)
            fd = left.transport.get_extra_info("socket").fileno()
            for claim in claims(loop, fd):
                with pytest.raises(RuntimeError, match=f"File descriptor {fd} is used by transport"):
                    claim()
            right.transport.write(b"hello")
            left.transport.resume_reading()
            await left.received(5)
            left.transport.abort()
            await left.has("lost")

    run(main())


async def still_works(transport, protocol, peer):
    peer.send(b"hello")
    await protocol.received(5)
    transport.abort()
    await protocol.has("lost")
    peer.close()


async def refused(recorder, pause, claim):
    """A transport, paused or not, whose socket somebody else wants to use in vain."""
    loop = asyncio.get_running_loop()
    left, right = socket.socketpair()
    transport, protocol = await loop.create_unix_connection(recorder, sock=left)
    if pause:
        transport.pause_reading()
    with pytest.raises(RuntimeError, match="is used by transport"):
        await claim(loop, left)
    transport.resume_reading()
    await still_works(transport, protocol, right)


#: From 3.14 on a socket is closed where it comes to have no transport (gh-153133): here the first one's.
keeps_sockets = pytest.mark.skipif(sys.version_info >= (3, 14), reason="the refused one closes the socket")


def checks_for_transports(flavour):
    if flavour.name == "asyncio" and sys.version_info < (3, 12):
        pytest.skip("asyncio's does not look before 3.12")


@keeps_sockets
@pytest.mark.parametrize("pause", [False, True])
def test_a_second_transport_is_refused(flavour, run, recorder, pause):
    checks_for_transports(flavour)

    run(refused(recorder, pause, lambda loop, sock: loop.create_unix_connection(recorder, sock=sock)))


@pytest.mark.parametrize("pause", [False, True])
def test_socket_calls_are_refused(run, recorder, pause):
    run(refused(recorder, pause, lambda loop, sock: loop.sock_recv(sock, 10)))


@keeps_sockets
def test_two_at_once(flavour, run, recorder):
    checks_for_transports(flavour)

    async def main():
        loop = asyncio.get_running_loop()
        left, right = socket.socketpair()
        both = [loop.create_task(loop.create_unix_connection(recorder, sock=left)) for _ in range(2)]
        (transport, protocol), error = await asyncio.gather(*both, return_exceptions=True)
        assert isinstance(error, RuntimeError)
        await still_works(transport, protocol, right)

    run(main())


def test_datagrams_keep_their_own(run, udp):
    async def main():
        endpoint = await udp.endpoint()
        endpoint.transport.pause_reading()
        fd = endpoint.transport.get_extra_info("socket").fileno()
        with pytest.raises(RuntimeError, match="is used by transport"):
            asyncio.get_running_loop().add_reader(fd, print)
        await udp.close(endpoint)

    run(main())


@pytest.mark.parametrize("forgotten", [False, True])
def test_its_number_is_free_when_it_is_gone(run, recorder, forgotten):
    """Closed, or forgotten while it is paused and collected."""

    async def main():
        loop = asyncio.get_running_loop()
        left, right = socket.socketpair()
        transport, protocol = await loop.create_unix_connection(recorder, sock=left)
        fd = left.fileno()
        transport.pause_reading()
        # ferrio waits for what is paused until something comes.
        right.send(b"x")
        await asyncio.sleep(0.001)
        if forgotten:
            with pytest.warns(ResourceWarning):
                protocol.transport = protocol = transport = None
                gc.collect()
            left.close()
        else:
            transport.close()
            await protocol.has("lost")
        right.close()
        again, other = socket.socketpair()
        assert fd in (again.fileno(), other.fileno())
        mine, its = (again, other) if again.fileno() == fd else (other, again)
        called = asyncio.Event()
        loop.add_reader(mine, called.set)
        its.send(b"x")
        await called.wait()
        assert loop.remove_reader(mine)
        again.close()
        other.close()

    run(main())
