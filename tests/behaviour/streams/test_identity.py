"""Whoever asks sees asyncio's classes and functions."""

import asyncio
import collections.abc
import copy
import dis
import inspect
import pickle
import typing

import pytest

CLASSES = ("StreamReader", "StreamWriter", "StreamReaderProtocol")
FUNCTIONS = ("open_connection", "start_server", "open_unix_connection", "start_unix_server")
METHODS = [
    *(f"StreamReader.{name}" for name in ("read", "readline", "readuntil", "readexactly")),
    *(f"StreamReader.{name}" for name in ("__anext__", "feed_data", "at_eof", "feed_eof")),
    *(f"StreamWriter.{name}" for name in ("drain", "write", "writelines", "wait_closed")),
    *(f"StreamReaderProtocol.{name}" for name in ("connection_made", "data_received")),
]


@pytest.mark.parametrize("name", CLASSES)
def test_classes(lib, name):
    mine, stock = getattr(lib, name), getattr(asyncio, name)
    assert issubclass(mine, stock) and issubclass(stock, mine)
    assert inspect.signature(mine) == inspect.signature(stock)
    assert mine.__doc__ == stock.__doc__ and mine.__name__ == name
    assert pickle.loads(pickle.dumps(mine)) is mine
    assert copy.copy(mine) is mine
    assert getattr(lib.streams, name) is mine


@pytest.mark.parametrize("name", [*FUNCTIONS, *METHODS])
def test_functions(lib, name):
    mine = stock = None
    mine, stock = lib, asyncio
    for part in name.split("."):
        mine, stock = getattr(mine, part), getattr(stock, part)
    assert inspect.signature(mine) == inspect.signature(stock)
    assert mine.__doc__ == stock.__doc__
    assert (mine.__name__, mine.__qualname__) == (stock.__name__, stock.__qualname__)
    assert inspect.iscoroutinefunction(mine) == inspect.iscoroutinefunction(stock)
    assert typing.get_type_hints(mine) == typing.get_type_hints(stock)
    assert pickle.loads(pickle.dumps(mine)) is mine


def test_instances(lib, loop, reader, transport):
    protocol = lib.StreamReaderProtocol(reader, loop=loop)
    protocol.connection_made(transport)
    writer = lib.StreamWriter(transport, protocol, reader, loop)
    assert isinstance(reader, asyncio.StreamReader) and isinstance(reader, lib.StreamReader)
    assert isinstance(writer, asyncio.StreamWriter)
    assert isinstance(protocol, (asyncio.StreamReaderProtocol))
    assert isinstance(protocol, (asyncio.Protocol))
    assert isinstance(protocol, asyncio.streams.FlowControlMixin)
    assert isinstance(asyncio.StreamReader(loop=loop), lib.StreamReader)
    assert not isinstance(writer, lib.StreamReader) and not isinstance(3, lib.StreamReader)
    transport.closing = True


def test_a_subclass_is_no_more_than_that(lib, loop):
    class Mine(lib.StreamReader, typing.Generic[typing.TypeVar("T")]):
        pass

    assert isinstance(Mine(loop=loop), asyncio.StreamReader)
    assert not isinstance(asyncio.StreamReader(loop=loop), Mine)
    assert not issubclass(asyncio.StreamReader, Mine) and not issubclass(lib.StreamReader, Mine)


def test_coroutines(loop, reader):
    for reading in (reader.read(), reader.readline(), reader.readexactly(2), reader.readuntil()):
        assert isinstance(reading, collections.abc.Coroutine)
        assert asyncio.iscoroutine(reading) and inspect.iscoroutine(reading)
        assert reading.__qualname__ == f"StreamReader.{reading.__name__}"
        reading.close()


def test_the_interpreter_remembers_where_it_found_a_method(lib, loop, reader):
    """Else it goes through the classes again for every call."""

    def ask(reader):
        for _ in range(200):
            reader.at_eof()

    ask(reader)
    names = {each.opname for each in dis.get_instructions(ask, adaptive=True)}
    assert any(name.startswith(("LOAD_ATTR_METHOD", "LOAD_METHOD_")) for name in names)
