"""Writers that go on while their server is killed and started again, and the books of what it has acknowledged."""

import asyncio
import collections
import gc
import itertools
import json
import os

WRITERS = 8
WRITES = 50  # that are acknowledged before the server dies, and after it is back
GROWTH_KIB = 16 * 1024  # what malloc does, with an arena for each thread
ROUNDS_THAT_TELL = 20  # in fewer, what grows does not stand out from what a process takes at first


def rss_kib():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def note(**figures):
    """Keep figures in the file $FIGURES."""
    with open(os.environ["FIGURES"], "a") as file:
        file.write(json.dumps({"loop": type(asyncio.get_running_loop()).__module__, **figures}) + "\n")


class Fire:
    """`order("kill")` and `order("start")` are obeyed when they return, `write(number)` returns when the server has acknowledged
    it, `stored()` are the numbers that the server has. While it is dead, a write may end with one of the library's `errors` and
    with nothing else."""

    def __init__(self, order, write, stored, errors):
        self.order, self.write, self.stored, self.errors = order, write, stored, errors
        self.numbers = itertools.count()
        self.lost, self.kept, self.surprises, self.sizes = 0, 0, collections.Counter(), []

    async def rounds(self, count, name=""):
        for _ in range(count):
            await self._round()
        note(name=name, deaths=count, acknowledged=self.kept, lost=self.lost, rss_kib=self.sizes)
        print(count, "deaths, lost:", self.lost, "surprises:", dict(self.surprises))
        if count >= ROUNDS_THAT_TELL:
            early, late = self.sizes[count // 3], self.sizes[-1]
            print("flat:", late <= early + GROWTH_KIB or self.sizes)

    async def _round(self):
        self.acknowledged, self.failures, self.over = set(), collections.Counter(), False
        writers = [asyncio.create_task(self._writer(number)) for number in range(WRITERS)]
        await self._acknowledges()
        await self.order("kill")
        while len(self.failures) < WRITERS:
            await asyncio.sleep(0.01)
        await self.order("start")
        await self._acknowledges()
        self.over = True
        await asyncio.gather(*writers)
        self.kept += len(self.acknowledged)
        self.lost += len(self.acknowledged - set(await self.stored()))
        gc.collect()
        self.sizes.append(rss_kib())

    async def _acknowledges(self):
        enough = len(self.acknowledged) + WRITES
        while len(self.acknowledged) < enough:
            await asyncio.sleep(0.01)

    async def _writer(self, name):
        while not self.over:
            number = next(self.numbers)
            try:
                await self.write(number)
            except Exception as error:
                self.failures[name] += 1
                if not isinstance(error, self.errors):
                    self.surprises[f"{type(error).__module__}.{type(error).__qualname__}"] += 1
                await asyncio.sleep(0.01)
            else:
                self.acknowledged.add(number)
