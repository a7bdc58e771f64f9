"""`ferrio.Loop`: the native loop under the names and coroutines of `asyncio.AbstractEventLoop`.

Everything a program does often is native (`_ferrio.Loop`). Here stand the methods that asyncio defines as coroutines, and
what runs a few times in a program's life: executors, exception reports, shutting down.

Sources: the event loop reference of the asyncio documentation.
"""

import asyncio
import concurrent.futures
import logging
import os
import socket
import sys
import threading
import traceback
import warnings
import weakref
from asyncio.log import logger

from . import _ferrio
from ._connect import Connecting, resolve
from ._datagram import Datagrams
from ._nesting import Nesting
from ._pipes import Piping
from ._process import Spawning
from ._sendfile import SendingFiles
from ._serve import Serving, socket_files
from ._tasks import register_loop
from ._tls import StartingTls

__all__ = ("Loop", "new_event_loop")

# The public name warns since 3.14.
_iscoroutinefunction = getattr(asyncio.coroutines, "_iscoroutinefunction", None) or asyncio.iscoroutinefunction

#: Keys of an exception report whose value is a stack, and what was made there.
_ORIGINS = {"source_traceback": "Object", "handle_traceback": "Handle"}


def _debug_from_environment() -> bool:
    """asyncio's rule: -X dev, or PYTHONASYNCIODEBUG unless -E."""
    flags = sys.flags
    return flags.dev_mode or (
        not flags.ignore_environment and bool(os.environ.get("PYTHONASYNCIODEBUG"))
    )


class Reporting:
    """The exception handler API."""

    __slots__ = ()

    def get_exception_handler(self):
        """The custom exception handler, or None."""
        return self._exception_handler

    def set_exception_handler(self, handler):
        """Set what `call_exception_handler` calls as `handler(loop, context)`; None: the default handler.

        Raises TypeError if it is neither callable nor None.
        """
        if handler is not None and not callable(handler):
            raise TypeError(f"A callable object or None is expected, got {handler!r}")
        self._exception_handler = handler

    def default_exception_handler(self, context):
        """Log the context with the logger "asyncio" at level ERROR, as asyncio words it."""
        message = context.get("message") or "Unhandled exception in event loop"
        handle = self._current_handle  # only in debug mode
        if handle is not None and handle._source_traceback and "source_traceback" not in context:
            context["handle_traceback"] = handle._source_traceback
        exception = context.get("exception")
        exc_info = (
            (type(exception), exception, exception.__traceback__) if exception is not None else False
        )
        lines = [message]
        for key in sorted(context.keys() - {"message", "exception"}):
            value = context[key]
            if key in _ORIGINS:
                stack = "".join(traceback.format_list(value)).rstrip()
                lines.append(f"{key}: {_ORIGINS[key]} created at (most recent call last):\n{stack}")
            else:
                lines.append(f"{key}: {value!r}")
        logger.error("\n".join(lines), exc_info=exc_info)

    def call_exception_handler(self, context):
        """Report a problem: to the custom handler, else to the default one. Errors in a handler are logged, not raised."""
        handler = self._exception_handler
        if handler is None:
            self._try_default_handler(context)
            return
        try:
            run = self._context_of(context) if sys.version_info >= (3, 12) else None
            if run is not None:
                run(handler, self, context)
            else:
                handler(self, context)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self._try_default_handler(
                {
                    "message": "Unhandled error in exception handler",
                    "exception": exc,
                    "context": context,
                },
                "Exception in default exception handler while handling an unexpected error "
                "in custom exception handler",
            )

    def _try_default_handler(self, context, otherwise="Exception in default exception handler"):
        try:
            self.default_exception_handler(context)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException:
            # Overridden by a subclass, or the logging machinery is broken: this is the last resort.
            logger.error(otherwise, exc_info=True)

    @staticmethod
    def _context_of(context):
        """`run` of the contextvars context that the failing task, future or handle belongs to."""
        thing = context.get("task") or context.get("future") or context.get("handle")
        get_context = getattr(thing, "get_context", None)
        found = get_context() if get_context is not None else None
        return getattr(found, "run", None)


class Executing:
    """Blocking work in other threads and processes; name resolution."""

    __slots__ = ()

    def run_in_executor(self, executor, func, *args):
        """Run `func(*args)` in the executor (None: the default thread pool); a future of the result."""
        self._check_closed()
        if self._debug:
            self._check_callback(func, "run_in_executor")
        if executor is None:
            self._check_default_executor()
            executor = self._default_executor
            if executor is None:
                executor = concurrent.futures.ThreadPoolExecutor(thread_name_prefix="asyncio")
                self._default_executor = executor
        return _ferrio.wrap_future(executor.submit(func, *args), loop=self)

    def set_default_executor(self, executor):
        """Set the executor for `run_in_executor(None, …)`. Raises TypeError unless it is a ThreadPoolExecutor."""
        if not isinstance(executor, concurrent.futures.ThreadPoolExecutor):
            raise TypeError("executor must be ThreadPoolExecutor instance")
        self._default_executor = executor

    def _check_default_executor(self):
        if self._executor_shutdown_called:
            raise RuntimeError("Executor shutdown has been called")

    @staticmethod
    def _check_callback(callback, method):
        if asyncio.iscoroutine(callback) or _iscoroutinefunction(callback):
            raise TypeError(f"coroutines cannot be used with {method}()")
        if not callable(callback):
            raise TypeError(f"a callable object was expected by {method}(), got {callback!r}")

    async def shutdown_default_executor(self, timeout=None):
        """Wait until the default executor's threads have ended; after `timeout` seconds warn and stop waiting."""
        self._executor_shutdown_called = True
        if self._default_executor is None:
            return
        future = self.create_future()
        thread = threading.Thread(target=self._shut_executor, args=(future,))
        thread.start()
        try:
            if timeout is None:
                await future
            else:
                async with asyncio.timeout(timeout):
                    await future
        except TimeoutError:
            warnings.warn(
                f"The executor did not finishing joining its threads within {timeout} seconds.",
                RuntimeWarning,
                stacklevel=2,
            )
            self._default_executor.shutdown(wait=False)
        else:
            thread.join()

    def _shut_executor(self, future):
        try:
            self._default_executor.shutdown(wait=True)
        except Exception as ex:
            self._answer_from_thread(future.set_exception, ex, future)
        else:
            self._answer_from_thread(future.set_result, None, future)

    def _answer_from_thread(self, setter, value, future):
        def answer():
            if not future.done():
                setter(value)

        if not self.is_closed():
            self.call_soon_threadsafe(answer)

    @_ferrio._native_method
    async def getaddrinfo(self, host, port, *, family=0, type=0, proto=0, flags=0):
        """As `socket.getaddrinfo`, without blocking: numeric hosts are resolved at once, names in native threads."""
        # Runs in debug mode only.
        words = [f"{host}:{port!r}"]
        given = {"family": family, "type": type, "proto": proto, "flags": flags}
        words += [f"{name}={value!r}" for name, value in given.items() if value]
        question = ", ".join(words)
        logger.debug("Get address info %s", question)
        start = self.time()
        answer = await self._getaddrinfo(host, port, family, type, proto, flags)
        took = self.time() - start
        level = logging.INFO if took >= self.slow_callback_duration else logging.DEBUG
        logger.log(level, f"Getting address info {question} took {took * 1e3:.3f}ms: {answer!r}")
        return answer

    async def getnameinfo(self, sockaddr, flags=0):
        """As `socket.getnameinfo`, in a native thread."""
        return await self._getnameinfo(sockaddr, flags)


class SocketCalls:
    """`sock_*`: each tries the call first and waits only where it would block."""

    __slots__ = ()

    @_ferrio._native_method
    async def sock_recv(self, sock, nbytes):
        """Receive up to `nbytes` bytes; b"" at the end of the stream."""

    @_ferrio._native_method
    async def sock_recv_into(self, sock, buf):
        """Receive into a writable buffer; how many bytes."""

    @_ferrio._native_method
    async def sock_sendall(self, sock, data):
        """Send all of `data`; None."""

    @_ferrio._native_method
    async def sock_recvfrom(self, sock, bufsize):
        """Receive one datagram of up to `bufsize` bytes: `(bytes, address)`."""

    @_ferrio._native_method
    async def sock_recvfrom_into(self, sock, buf, nbytes=0):
        """Receive one datagram of up to `nbytes` bytes (0: what fits) into a writable buffer: `(count, address)`."""

    @_ferrio._native_method
    async def sock_sendto(self, sock, data, address):
        """Send one datagram; how many bytes."""

    @_ferrio._native_method
    async def sock_accept(self, sock):
        """Accept a connection: `(socket, address)`, the socket non-blocking."""

    async def sock_connect(self, sock, address):
        """Connect; the host of an internet address is resolved first."""
        if self._debug and sock.gettimeout() != 0:
            raise ValueError("the socket must be non-blocking")
        if sock.family == socket.AF_INET or sock.family == socket.AF_INET6:
            found = await resolve(self, address, family=sock.family, type=sock.type, proto=sock.proto)
            address = found[0][4]
        return await self._sock_connect(sock, address)


class Closing:
    """Asynchronous generators, and the end of the loop."""

    __slots__ = ()

    def _asyncgen_firstiter_hook(self, agen):
        if self._asyncgens_shutdown_called:
            warnings.warn(
                f"asynchronous generator {agen!r} was scheduled after "
                "loop.shutdown_asyncgens() call",
                ResourceWarning,
                stacklevel=2,
                source=self,
            )
        self._asyncgens.add(agen)

    def _asyncgen_finalizer_hook(self, agen):
        self._asyncgens.discard(agen)
        if not self.is_closed():
            self.call_soon_threadsafe(self.create_task, agen.aclose())

    async def shutdown_asyncgens(self):
        """Close every asynchronous generator that is still suspended; errors go to the exception handler."""
        self._asyncgens_shutdown_called = True
        if not self._asyncgens:
            return
        closing = list(self._asyncgens)
        self._asyncgens.clear()
        results = await asyncio.gather(*[agen.aclose() for agen in closing], return_exceptions=True)
        for result, agen in zip(results, closing):
            if isinstance(result, Exception):
                self.call_exception_handler(
                    {
                        "message": "an error occurred during closing of "
                        f"asynchronous generator {agen!r}",
                        "exception": result,
                        "asyncgen": agen,
                    }
                )

    def close(self):
        """Close the loop: drop what is scheduled, release its descriptors, let the default executor go. Idempotent.

        Raises RuntimeError while the loop runs; where a run inside it is allowed (`ferrio.allow_nested`) the loop's own thread gets a
        RuntimeWarning instead, and nothing else happens.
        """
        if self.is_running() and self._refuse_to_close():
            return
        if self.is_closed():
            return
        try:
            self._close()
        finally:
            if self.is_closed():
                self._let_executor_go()

    def _let_executor_go(self):
        self._executor_shutdown_called = True
        # The finalizer closes a loop, too, whose `__init__` a subclass has not got to.
        executor = getattr(self, "_default_executor", None)
        if executor is not None:
            self._default_executor = None
            executor.shutdown(wait=False)

    def set_debug(self, enabled):
        """Switch debug mode; in a running loop also the tracking of where coroutines are made."""
        self._set_debug(enabled)
        if self.is_running():
            self.call_soon_threadsafe(self._track_coroutine_origins, enabled)

    def _track_coroutine_origins(self, enabled):
        if bool(enabled) == (self._origin_depth_before is not None):
            return
        if enabled:
            self._origin_depth_before = sys.get_coroutine_origin_tracking_depth()
            sys.set_coroutine_origin_tracking_depth(asyncio.constants.DEBUG_STACK_DEPTH)
            _ferrio._track_coroutine_origins(True)
        else:
            sys.set_coroutine_origin_tracking_depth(self._origin_depth_before)
            self._origin_depth_before = None
            _ferrio._track_coroutine_origins(False)


class Loop(
    Reporting,
    Executing,
    SocketCalls,
    Connecting,
    Serving,
    StartingTls,
    Datagrams,
    Piping,
    Spawning,
    SendingFiles,
    Closing,
    Nesting,
    _ferrio.Loop,
    asyncio.AbstractEventLoop,
):
    """An asyncio event loop whose running, scheduling, tasks, futures and transports are native."""

    __module__ = "ferrio"
    # In slots, so that the instance's `__dict__` is not made before a program sets an attribute of its own: until then the
    # interpreter finds `loop.call_soon` without looking into it.
    __slots__ = (
        "_exception_handler",
        "_default_executor",
        "_executor_shutdown_called",
        "_asyncgens",
        "_asyncgens_shutdown_called",
        "_origin_depth_before",
        "_socket_files",
        "_allows_nested",
        "__dict__",
        "__weakref__",
    )

    # By these names asyncio's PidfdChildWatcher and libraries with transports of their own know them.
    _remove_reader = _ferrio.Loop.remove_reader
    _remove_writer = _ferrio.Loop.remove_writer

    def __init__(self):
        self._exception_handler = None
        self._default_executor = None
        self._executor_shutdown_called = False
        self._asyncgens = weakref.WeakSet()
        self._asyncgens_shutdown_called = False
        self._origin_depth_before = None
        self._socket_files = socket_files()
        self._allows_nested = False
        # What a class has put in the place of `time`, `call_at`, `create_task` and the like is called by the native side, too.
        self._compare_methods()
        register_loop(self)
        if _debug_from_environment():
            self._set_debug(True)


_ferrio._give_loop_methods_to(Loop)


def _flush_before_fork():
    # What waits for the end of the turn would leave twice: by the parent and by the child.
    loop = asyncio._get_running_loop()
    if isinstance(loop, Loop):
        loop._flush_writes()


os.register_at_fork(before=_flush_before_fork)


def new_event_loop() -> Loop:
    """A new event loop: the loop factory for `asyncio.Runner`, `asyncio.run`, servers and test tools."""
    return Loop()
