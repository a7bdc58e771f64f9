"""`asyncio.all_tasks()` must see our tasks, whoever imported it when.

asyncio keeps third-party tasks in a WeakSet that every `all_tasks` reads: the Python one of 3.11–3.13 and the C one of 3.14.
Registering a task there costs more than running it. Instead the WeakSet's `data`, a set of weak references, is replaced by one
that also yields references to the tasks our loops list natively. Seen to work on 3.11.7, 3.12.1, 3.13.0.
"""

import asyncio.tasks
import functools
import itertools
import weakref

_loops = weakref.WeakSet()


def _return(task):
    return task


class TaskReferences(set):
    """The set of weak references, followed by stand-ins for ours: callables that return the task."""

    def __iter__(self):
        ours = [functools.partial(_return, task) for loop in list(_loops) for task in loop._pending_tasks()]
        return itertools.chain(set.__iter__(self), ours)


class _Probe:
    """Registered once to find the WeakSet: its weak reference's callback knows it."""

    def done(self):
        return True


def _asyncio_task_set():
    probe = _Probe()
    asyncio.tasks._register_task(probe)
    try:
        for reference in weakref.getweakrefs(probe):
            for default in getattr(reference.__callback__, "__defaults__", None) or ():
                found = default() if isinstance(default, weakref.ref) else None
                if isinstance(found, weakref.WeakSet):
                    return found
        raise RuntimeError("asyncio keeps its tasks in an unknown place; ferrio cannot list its own there")
    finally:
        asyncio.tasks._unregister_task(probe)


def register_loop(loop):
    """From now on the loop's tasks are among `asyncio.all_tasks(loop)`."""
    _loops.add(loop)
    tasks = _asyncio_task_set() if not _installed else None
    if tasks is not None:
        tasks.data = TaskReferences(tasks.data)
        _installed.append(tasks)


_installed = []
