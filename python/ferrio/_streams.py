"""`StreamReader`, `StreamWriter`, `StreamReaderProtocol` and the functions that make them.

Each class is a real subclass of the stdlib's, in front of which a native one stands: what runs for every read and write is
native, what happens once in a connection's life is the stdlib's own code. The functions are the stdlib's, with our classes in the
place of those that they name.
"""

import abc
import asyncio.streams
import types

from . import _ferrio

_STOCK = {name: getattr(asyncio.streams, name) for name in ("StreamReader", "StreamWriter", "StreamReaderProtocol")}


def _derive(name):
    """`class name(native, stock)`. Objects of the stdlib's own class pass for instances of it, too: a program may have got hold
    of that class before `ferrio.install`, and the stdlib's code goes on comparing."""
    stock = _STOCK[name]

    def __subclasshook__(cls, other):
        return issubclass(other, stock) if cls is derived else NotImplemented

    namespace = {
        "__doc__": stock.__doc__,
        "__module__": "ferrio",
        "__qualname__": name,
        "__slots__": (),
        "__subclasshook__": classmethod(__subclasshook__),
        **_ferrio._STREAM_METHODS[name],
    }
    derived = abc.ABCMeta(name, (getattr(_ferrio, name), stock), namespace)
    return derived


async def go_on_reading(reader, method, *arguments):
    """The rest of the stdlib's reading method behind its `await self._wait_for_data()`, for a native call that has waited there
    and whose reader has become the stdlib's meanwhile."""
    stock = _STOCK["StreamReader"]
    if method != "read":
        # They look for what they want from the beginning, so to begin anew is the same, but for the exception.
        return await _past_the_exception(reader, getattr(stock, method)(reader, *arguments))
    (most,) = arguments
    buffer, length = reader._buffer, reader._limit if most < 0 else most
    data = bytes(memoryview(buffer)[:length])
    del buffer[:length]
    reader._maybe_resume_transport()
    return data + await stock.read(reader) if data and most < 0 else data


@types.coroutine
def _past_the_exception(reader, coroutine):
    """Run a reading coroutine whose first step must not see the reader's exception: it came when that had been looked at."""
    exception, reader._exception = reader._exception, None
    try:
        step = coroutine.send
        value = None
        while True:
            try:
                future = step(value)
            except StopIteration as stop:
                return stop.value
            finally:
                value = None
                if exception is not None:
                    reader._exception, exception = exception, None
            try:
                step, value = coroutine.send, (yield future)
            except BaseException as thrown:
                step, value = coroutine.throw, thrown
    finally:
        coroutine.close()


def _with_our_classes(stock):
    """The stdlib's function; the classes that it makes are ours."""
    ours = types.FunctionType(stock.__code__, _names, stock.__name__, stock.__defaults__, stock.__closure__)
    ours.__kwdefaults__ = stock.__kwdefaults__
    ours.__doc__ = stock.__doc__
    ours.__qualname__ = stock.__qualname__
    ours.__module__ = "ferrio"
    return ours


StreamReader = _derive("StreamReader")
StreamWriter = _derive("StreamWriter")
StreamReaderProtocol = _derive("StreamReaderProtocol")
_ferrio._set_stream_classes(StreamReader, StreamWriter, StreamReaderProtocol)

_names = dict(vars(asyncio.streams))
_names.update(StreamReader=StreamReader, StreamWriter=StreamWriter, StreamReaderProtocol=StreamReaderProtocol)

StreamReaderProtocol.connection_made = _with_our_classes(StreamReaderProtocol.connection_made)
open_connection = _with_our_classes(asyncio.streams.open_connection)
start_server = _with_our_classes(asyncio.streams.start_server)
open_unix_connection = _with_our_classes(asyncio.streams.open_unix_connection)
start_unix_server = _with_our_classes(asyncio.streams.start_unix_server)

#: Every public name of `asyncio.streams`.
NATIVE = {name: globals()[name] for name in asyncio.streams.__all__}
