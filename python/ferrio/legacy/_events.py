"""`get_event_loop()` that makes the main thread's loop, the class methods of `Task`, and what loops themselves once took."""

import asyncio
import concurrent.futures
import threading
from asyncio import events

from .._datagram import Datagrams
from .._install import holders
from .._loop import Executing
from ._shown import shown_as
from ._warn import warn

#: The class that every default policy is derived from; private since 3.14.
POLICY = getattr(events, "_BaseDefaultEventLoopPolicy", None) or events.BaseDefaultEventLoopPolicy

_stock_task = asyncio.Task
_set_default_executor = Executing.set_default_executor
_create_datagram_endpoint = Datagrams.create_datagram_endpoint
_NOT_GIVEN = object()


def put_back(installation):
    """In the policy's class, under asyncio's name of the task, and in ferrio's loop."""
    installation.replace(POLICY, "get_event_loop", get_event_loop)
    for owner in holders("Task"):
        installation.replace(owner, "Task", Task)
    installation.replace(Executing, "set_default_executor", set_default_executor)
    installation.replace(Datagrams, "create_datagram_endpoint", create_datagram_endpoint)


def makes_a_loop(policy):
    """Would the policy's `get_event_loop()` of 3.9 make a loop in this thread? Only in the main one, and only until one is set."""
    local = policy._local
    # From 3.14 on nothing else tells whether it has been set: to None, too.
    was_set = getattr(local, "_set_called", "_loop" in vars(local))
    return local._loop is None and not was_set and threading.current_thread() is threading.main_thread()


def get_event_loop(self):
    """The thread's loop; in the main thread it is made and set if none ever was. RuntimeError if there is none."""
    if makes_a_loop(self):
        warn(
            "asyncio.get_event_loop() that makes a loop",
            "run the program's coroutine with asyncio.run(), or make the loop with asyncio.new_event_loop()",
        )
        self.set_event_loop(self.new_event_loop())
    if self._local._loop is None:
        raise RuntimeError(f"There is no current event loop in thread {threading.current_thread().name!r}.")
    return self._local._loop


class _Tasks(type):
    # The class is only a name with two methods more: tasks and classes derived from it are asyncio's.
    def __call__(cls, *args, **named):
        return _stock_task(*args, **named) if cls is Task else super().__call__(*args, **named)

    def __instancecheck__(cls, instance):
        return isinstance(instance, _stock_task) if cls is Task else super().__instancecheck__(instance)

    def __subclasscheck__(cls, subclass):
        return issubclass(subclass, _stock_task) if cls is Task else super().__subclasscheck__(subclass)


class Task(_stock_task, metaclass=_Tasks):
    __doc__ = _stock_task.__doc__
    __module__ = _stock_task.__module__

    @classmethod
    def all_tasks(cls, loop=None):
        """The loop's tasks that are not done."""
        warn("asyncio.Task.all_tasks()", "write asyncio.all_tasks()")
        return asyncio.all_tasks(asyncio.get_event_loop() if loop is None else loop)

    @classmethod
    def current_task(cls, loop=None):
        """The loop's task that is in a step, or None."""
        warn("asyncio.Task.current_task()", "write asyncio.current_task()")
        return asyncio.current_task(asyncio.get_event_loop() if loop is None else loop)


@shown_as(_set_default_executor)
def set_default_executor(self, executor):
    if isinstance(executor, concurrent.futures.Executor) and not isinstance(executor, concurrent.futures.ThreadPoolExecutor):
        warn(f"{type(executor).__name__} as the default executor", "give it to run_in_executor()")
        self._default_executor = executor
    else:
        _set_default_executor(self, executor)


@shown_as(_create_datagram_endpoint)
async def create_datagram_endpoint(self, *args, reuse_address=_NOT_GIVEN, **named):
    if reuse_address is not _NOT_GIVEN:
        if reuse_address:
            raise ValueError(
                "Passing `reuse_address=True` is no longer supported, "
                "as the usage of SO_REUSEPORT in UDP poses a significant security concern."
            )
        warn("the argument reuse_address of create_datagram_endpoint()", "leave it out")
    return await _create_datagram_endpoint(self, *args, **named)
