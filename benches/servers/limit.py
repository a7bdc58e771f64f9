"""The server without an event loop, but with one call into Python for each message: `python -m benches.servers.limit`.

It is told and tells the same as `python -m benches.servers`.
"""

import argparse
import importlib.machinery
import importlib.util
import os
from pathlib import Path

from ..limits import extension


def load():
    """The extension module. Raises ImportError if it was not built."""
    path = extension()
    if path is None:
        raise ImportError("the limit server was not built: scripts/bench.sh does")
    loader = importlib.machinery.ExtensionFileLoader("_ferrio_limit", str(path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_file_location("_ferrio_limit", path, loader=loader))
    loader.exec_module(module)
    return module


class Echo:
    """Says what it hears: the one call is of a method of Python, as data_received is."""

    def data_received(self, data):
        return data


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benches.servers.limit")
    parser.add_argument("--unix", metavar="PATH", type=Path)
    parser.add_argument("--cpu", type=int)
    parser.add_argument("--ready-fd", required=True, type=int)
    arguments = parser.parse_args()
    if arguments.cpu is not None:
        os.sched_setaffinity(0, {arguments.cpu})

    def ready(address):
        with os.fdopen(arguments.ready_fd, "w") as pipe:
            pipe.write(address + "\n")

    load().serve(Echo().data_received, ready, arguments.unix)


if __name__ == "__main__":
    main()
