"""A reader of a subclass, like aiomysql's, reads natively as long as nothing stands before what is native."""

import asyncio

import pytest


@pytest.fixture
def quiet(lib):
    class Quiet(lib.StreamReader):
        """Knows one thing more."""

        def __init__(self, **kwargs):
            self.ended = False
            super().__init__(**kwargs)

        def feed_eof(self):
            self.ended = True
            super().feed_eof()

        @property
        def eof_received(self):
            return self.ended

    return Quiet


@pytest.fixture
def reader(quiet, loop):
    return quiet(limit=10, loop=loop)


def read(loop, reader, n=3):
    task = loop.create_task(reader.readexactly(n))
    loop.run_until_complete(asyncio.sleep(0))
    reader.feed_data(b"abc")
    return loop.run_until_complete(task)


def test_reads_natively(flavour, lib, loop, reader):
    reading = reader.readexactly(3)
    assert isinstance(reader, lib.StreamReader)
    if lib is not asyncio:
        assert type(reading).__name__ == "ReadExactlyCoroutine"
    reader.feed_data(b"abc\nrest")
    assert loop.run_until_complete(reading) == b"abc"
    assert loop.run_until_complete(reader.readline()) == b"\n"
    reader.feed_eof()
    assert reader.eof_received and not reader.at_eof()
    assert loop.run_until_complete(reader.read()) == b"rest"
    assert reader.at_eof() and vars(reader)["ended"]


@pytest.mark.parametrize("where", ["class", "base", "object"])
@pytest.mark.parametrize("name", ["feed_data", "_wait_for_data", "_wakeup_waiter"])
def test_a_method_that_comes_later(loop, quiet, where, name):
    class Louder(quiet):
        pass

    reader = Louder(loop=loop)
    assert read(loop, reader) == b"abc"
    calls = []
    original = getattr(reader, name)
    unbound = getattr(quiet, name)
    if where == "object":
        setattr(reader, name, lambda *args: (calls.append(name), original(*args))[1])
    else:
        target = {"class": Louder, "base": quiet}[where]
        setattr(target, name, lambda *args: (calls.append(name), unbound(*args))[1])
    assert read(loop, reader) == b"abc" and calls
    calls.clear()
    delattr(reader if where == "object" else target, name)
    assert read(loop, reader) == b"abc" and not calls


class Key(str):
    """A string that is not one of exactly that class."""


@pytest.mark.parametrize("others", [[], ["näher", "\ud800"], ["\U0001f40d"], [Key("k")], [f"k{number}" for number in range(20)]])
@pytest.mark.parametrize("key", ["".join(["feed", "_data"]), Key("feed_data")], ids=["str", "subclass"])
def test_a_method_among_an_objects_attributes(loop, reader, key, others):
    for other in others:
        vars(reader)[other] = None
    assert read(loop, reader) == b"abc"
    calls = []
    original = reader.feed_data
    vars(reader)[key] = lambda *args: (calls.append(1), original(*args))[1]
    assert read(loop, reader) == b"abc" and calls == [1]
    del vars(reader)[key]
    assert read(loop, reader) == b"abc" and calls == [1]


def test_one_that_is_read_by_other_means(loop, quiet):
    seen = []

    class Watched(quiet):
        def __getattribute__(self, name):
            seen.append(name)
            return super().__getattribute__(name)

    assert read(loop, Watched(loop=loop)) == b"abc"
    assert "_wait_for_data" in seen


def test_over_a_connection(run, lib, quiet):
    async def main():
        async def handler(reader, writer):
            while line := await reader.readline():
                writer.write(line)
            writer.close()

        server = await lib.start_server(handler, "127.0.0.1", 0)
        loop = asyncio.get_running_loop()
        reader = quiet(loop=loop)
        protocol = lib.StreamReaderProtocol(reader, loop=loop)
        transport, _ = await loop.create_connection(
            lambda: protocol, *server.sockets[0].getsockname()
        )
        writer = lib.StreamWriter(transport, protocol, reader, loop)
        writer.write(b"one\n" * 3)
        assert await reader.readexactly(4) == b"one\n"
        reader.feed_data = lambda data: type(reader).feed_data(reader, data.upper())
        writer.write(b"two\n")
        assert await reader.readexactly(8) == b"one\none\n"
        assert await reader.readline() == b"TWO\n"
        writer.write_eof()
        assert await reader.read() == b"" and reader.eof_received
        await asyncio.sleep(0)
        writer.close()
        server.close()
        await server.wait_closed()

    run(main())
