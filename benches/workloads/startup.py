"""Beginning and ending."""

import asyncio
import subprocess
import sys

from .definition import core, nothing

# Imports first, so that both forms have the same; `install` is a call or an empty line.
PROGRAM = """\
async def main(): pass
import asyncio, {module}
{install}
with asyncio.Runner(loop_factory={module}.{attribute}) as runner: runner.run(main())
"""

TIMED_IMPORT = """\
import time
start = time.perf_counter()
import asyncio, {module}
{install}
print(time.perf_counter() - start)
"""


@core("run_until_complete", "call", form="loop")
def run_until_complete(loop, iterations):
    """run_until_complete of a coroutine that returns at once, on one loop."""
    for _ in range(iterations):
        loop.run_until_complete(nothing())


@core("startup.run", "run", form="spec")
def startup_run(spec, factory, iterations):
    """asyncio.run of a coroutine that returns at once: a new loop each time (as Runner, which takes a loop factory in 3.11)."""
    for _ in range(iterations):
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(nothing())


@core("startup.process", "process", form="spec", concurrent=True)
def startup_process(spec, factory, iterations):
    """A whole interpreter that imports asyncio and the loop, runs nothing and ends."""
    for _ in range(iterations):
        run_program(PROGRAM, spec)


@core("startup.import", "import", form="spec", concurrent=True)
def startup_import(spec, factory, iterations):
    """import of asyncio and of the loop (and its install) in a new interpreter, whose own start is not counted."""
    return sum(float(run_program(TIMED_IMPORT, spec)) for _ in range(iterations))


def run_program(template, spec):
    """Run the program for this loop; its standard output. Raises RuntimeError with what it wrote if it failed."""
    module, _, attribute = spec.factory.partition(":")
    install = ""
    if spec.install:
        install_module, _, install_attribute = spec.install.partition(":")
        install = f"import {install_module}; {install_module}.{install_attribute}()"
    code = template.format(module=module, attribute=attribute, install=install)
    done = subprocess.run([sys.executable, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise RuntimeError(f"the program ended with status {done.returncode}: {done.stderr.strip()[-800:]}")
    return done.stdout
