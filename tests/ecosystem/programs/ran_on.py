"""Leaves word which loop the caller runs on, for the test that started it; tells which to make, if the test says so."""

import asyncio
import os
import pkgutil


def tell():
    """Append the module of the running loop's class to the file $RAN_ON. Each process that runs a loop calls it."""
    with open(os.environ["RAN_ON"], "a") as file:
        file.write(type(asyncio.get_running_loop()).__module__ + "\n")


def loop_factory():
    """What $LOOP_FACTORY names ("module:function"), for programs that hand a loop factory on; None without."""
    return _named("LOOP_FACTORY")


def loop_policy():
    """An instance of what $LOOP_POLICY names, for programs that hand an event loop policy on."""
    return _named("LOOP_POLICY")()


def _named(variable):
    name = os.environ.get(variable)
    return pkgutil.resolve_name(name) if name else None
