"""What asyncio tells of tasks, `all_tasks()` and `current_task()`, must hold for ours, whoever imported it when.

asyncio keeps third-party tasks in a WeakSet that every `all_tasks` reads: the Python one of 3.11–3.13 and the C one of 3.14.
Registering a task there costs more than running it. Instead the WeakSet's `data`, a set of weak references, is replaced by one
that also yields references to the tasks our loops list natively. Seen to work on 3.11.7, 3.12.1, 3.13.0, 3.14.10.
"""

import asyncio
import functools
import itertools
import sys
import weakref

from . import _ferrio

_loops = weakref.WeakSet()


def _return(task):
    return task


class TaskReferences(set):
    """The set of weak references, followed by stand-ins for ours: callables that return the task."""

    def __iter__(self):
        return itertools.chain(set.__iter__(self), _ours())

    def copy(self):
        """What the WeakSet of 3.14.1 and later walks, so that other threads may change the set meanwhile."""
        return [*set.copy(self), *_ours()]


def pending_tasks():
    """Those of all our loops."""
    return [task for loop in list(_loops) for task in loop._pending_tasks()]


def _ours():
    return [functools.partial(_return, task) for task in pending_tasks()]


class _Probe:
    """Registered once to find the WeakSet: its weak reference's callback knows it."""

    def done(self):
        return True


def _asyncio_task_sets():
    """The WeakSets behind the two ways to register a task: the C module's and, since 3.14 another one, that of Python code."""
    return [_task_set(way) for way in ("_register_task", "_py_register_task") if hasattr(asyncio.tasks, way)]


def _task_set(register):
    probe = _Probe()
    getattr(asyncio.tasks, register)(probe)
    try:
        for reference in weakref.getweakrefs(probe):
            for default in getattr(reference.__callback__, "__defaults__", None) or ():
                found = default() if isinstance(default, weakref.ref) else None
                if isinstance(found, weakref.WeakSet):
                    return found
        raise RuntimeError("asyncio keeps its tasks in an unknown place; ferrio cannot list its own there")
    finally:
        getattr(asyncio.tasks, register.replace("register", "unregister"))(probe)


def register_loop(loop):
    """From now on the loop's tasks are among `asyncio.all_tasks(loop)`."""
    _loops.add(loop)
    if not _installed:
        for tasks in _asyncio_task_sets():
            if not isinstance(tasks.data, TaskReferences):
                tasks.data = TaskReferences(tasks.data)
            _installed.append(tasks)


_installed = []


class CurrentTasks(dict):
    """The register of the pure-Python `current_task`, which since 3.14 is not the C module's. It answers for ours too."""

    def get(self, loop, default=None):
        """The current task of a loop; ours stands where the C module keeps it."""
        task = dict.get(self, loop)
        if task is None and loop in _loops:
            task = asyncio.tasks._c_current_task(loop)
        return default if task is None else task

    def __setitem__(self, loop, task):
        """Note a task of Python code. One of ours that is put back after an eager start is still where it was."""
        if isinstance(task, _ferrio.Task):
            dict.pop(self, loop, None)
        else:
            dict.__setitem__(self, loop, task)


if sys.version_info >= (3, 14):
    asyncio.tasks._current_tasks = CurrentTasks(asyncio.tasks._current_tasks)
