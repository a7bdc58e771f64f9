"""Which connections close_clients and abort_clients find, in whatever order servers, connections and references to them go."""

import asyncio
import gc
import itertools
import sys
import warnings
import weakref

import pytest

pytestmark = [
    pytest.mark.skipif(sys.version_info < (3, 13), reason="abort_clients is new in 3.13"),
    # Of several connections that die at once stock's server wakes its waiters for each, and there are none the second time.
    pytest.mark.filterwarnings("ignore:(.|\n)*_SelectorTransport.__del__:pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def collected():
    """Nothing but what the test makes is there to be collected; connections that nobody holds warn, as they should."""
    gc.collect()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield


class Scene:
    """A server, its transports (which only we hold: they are paused), and the peers' protocols."""

    def __init__(self, recorder, reenters=True):
        self.recorder = recorder
        self.reenters = reenters
        self.transports = []
        self.peers = []
        self.server = None
        self.made = 0
        self.lost = 0

    def protocol(scene):  # noqa: N805
        class Paused(asyncio.Protocol):
            def connection_made(self, transport):
                transport.pause_reading()
                scene.transports.append(transport)
                scene.made += 1

            def connection_lost(self, exc):
                scene.lost += 1
                # The one that goes is still counted, the others may be gone.
                if scene.reenters and scene.server is not None:
                    scene.server.close_clients()

        return Paused()

    async def fill(self, count):
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(self.protocol, "127.0.0.1", 0)
        address = self.server.sockets[0].getsockname()
        for _ in range(count):
            self.peers.append((await loop.create_connection(self.recorder, *address))[1])
        while self.made < count:
            await asyncio.sleep(0)

    def close(self):
        if self.server is not None:
            self.server.close()

    def close_clients(self):
        if self.server is not None:
            self.server.close_clients()

    def abort_clients(self):
        if self.server is not None:
            self.server.abort_clients()

    def transports_close(self):
        for transport in self.transports:
            transport.close()

    def transports_abort(self):
        for transport in self.transports:
            transport.abort()

    def forget_transports(self):
        self.transports.clear()
        gc.collect()

    def forget_one_transport(self):
        if self.transports:
            self.transports.pop()
        gc.collect()

    def forget_server(self):
        # A server that listens belongs to the loop.
        self.close()
        self.server = None
        gc.collect()

    def peers_leave(self):
        for peer in self.peers:
            peer.transport.abort()


STEPS = [
    "close",
    "close_clients",
    "abort_clients",
    "transports_close",
    "transports_abort",
    "forget_transports",
    "forget_one_transport",
    "forget_server",
    "peers_leave",
]


@pytest.mark.parametrize("turns", [0, 2])
@pytest.mark.parametrize("first", STEPS)
def test_in_every_order(run, recorder, collected, first, turns):
    async def main():
        for rest in itertools.permutations([step for step in STEPS if step != first], 2):
            scene = Scene(recorder)
            await scene.fill(3)
            for step in (first, *rest):
                getattr(scene, step)()
                for _ in range(turns):
                    await asyncio.sleep(0)
            scene.close()
            scene.abort_clients()
            scene.transports_abort()
            scene.transports.clear()
            for peer in scene.peers:
                if not peer.transport.is_closing():
                    await peer.has("lost")
            if scene.server is not None:
                await scene.server.wait_closed()
                scene.server.abort_clients()
                scene.server = None
            assert scene.lost <= scene.made == 3

    run(main())


def test_from_the_warning_of_a_connection_that_dies(run, recorder, collected, monkeypatch):
    """The finalizer's warning runs Python, which finds the dying connection among the server's."""
    scene = Scene(recorder)
    seen = []

    def showwarning(message, *_):
        seen.append(str(message))
        scene.close_clients()
        scene.abort_clients()

    async def main():
        await scene.fill(5)
        with warnings.catch_warnings():
            warnings.simplefilter("always", ResourceWarning)
            monkeypatch.setattr(warnings, "showwarning", showwarning)
            scene.forget_one_transport()
            scene.forget_transports()
        scene.server.close()
        await scene.server.wait_closed()
        for peer in scene.peers:
            await peer.has("lost")
        scene.server.abort_clients()
        assert seen

    run(main())


class Caller:
    """Calls when it dies."""

    def __init__(self, call):
        self.call = call

    def __del__(self):
        self.call()


@pytest.mark.parametrize("place", ["cycle", "attribute", "weakref", "deep"])
def test_from_what_dies_beside_a_connection(run, recorder, collected, place):
    scene = Scene(recorder)
    kept = []

    def look():
        scene.close_clients()
        scene.abort_clients()

    def bury(transport):
        if place == "cycle":
            box = [transport, Caller(look)]
            box += [box, Caller(look)]
        elif place == "attribute":
            caller = Caller(look)
            caller.transport = transport
            caller.itself = caller
        elif place == "weakref":
            kept.append(weakref.ref(transport, lambda _: look()))
        else:
            # Deeper than the interpreter deallocates in one go: it puts some aside, dead already, and runs others first.
            grave = (transport, Caller(look))
            for number in range(100_000):
                grave = (grave, Caller(look)) if number % 1000 == 0 else (grave,)

    async def main():
        await scene.fill(8)
        while scene.transports:
            bury(scene.transports.pop())
        gc.collect()
        gc.collect()
        scene.server.close()
        scene.server.abort_clients()
        await scene.server.wait_closed()
        for peer in scene.peers:
            await peer.has("lost")

    run(main())


class Holding(asyncio.Protocol):
    """Part of a cycle through its transport."""


@pytest.mark.parametrize("first", ["server", "transports"])
def test_a_server_dies_with_its_connections(run, recorder, collected, first):
    async def main():
        scene = Scene(recorder)
        await scene.fill(3)
        scene.server.close()
        protocol = Holding()
        protocol.holds = [scene.server, *scene.transports]
        for transport in scene.transports:
            transport.set_protocol(protocol)
        del transport, protocol
        if first == "server":
            scene.server = None
            gc.collect()
        scene.transports.clear()
        gc.collect()
        scene.server = None
        gc.collect()
        for peer in scene.peers:
            await peer.has("lost")

    run(main())


def test_many_come_and_go(run, recorder, collected):
    """Places are used again; a connection never leaves another's."""

    async def main():
        loop = asyncio.get_running_loop()
        scene = Scene(recorder, reenters=False)
        await scene.fill(0)
        address = scene.server.sockets[0].getsockname()
        for number in range(200):
            before = scene.made
            _, peer = await loop.create_connection(recorder, *address)
            scene.peers.append(peer)
            while scene.made == before:
                await asyncio.sleep(0)
            if number % 3 == 2:
                scene.transports.pop(len(scene.transports) // 2)
            if number % 7 == 6:
                transport = scene.transports.pop(0)
                transport.abort()
                del transport
        gc.collect()
        await asyncio.sleep(0)
        transports, lost = len(scene.transports), scene.lost
        scene.server.close()
        scene.server.abort_clients()
        assert all(transport.is_closing() for transport in scene.transports)
        await scene.server.wait_closed()
        assert scene.lost == lost + transports
        for peer in scene.peers:
            await peer.has("lost")

    run(main())
