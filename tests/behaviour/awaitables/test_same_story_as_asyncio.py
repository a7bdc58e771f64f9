"""Random programs of gather, wait, shield, as_completed, TaskGroup, timeout and cancellations tell the same story on
asyncio's functions, which are the model, and on ours: what every task saw, in which turn of the loop.

A program is made from a seed; what a part of it does follows from the seed and its place, not from what ran
before it: within a turn asyncio itself, which walks over sets of tasks, has no order. A seed that fails is all that
is needed to see it again.
"""

import asyncio
import itertools
import os
import random
import sys

import pytest

SEEDS = int(os.environ.get("FERRIO_STORY_SEEDS", "400"))
ONLY_STOCK = os.environ.get("FERRIO_ONLY_STOCK") == "1"


class Story:
    """One program, run with the functions of one module on one loop."""

    def __init__(self, lib, loop, seed):
        self.lib = lib
        self.loop = loop
        self.seed = seed
        self.events = [[]]
        self.futures = {}

    def tell(self, who, *what):
        self.events[-1].append(repr((who, *what)))

    def chance(self, who):
        return random.Random(f"{self.seed} {who}")

    def shown(self, error):
        if isinstance(error, BaseExceptionGroup):
            return ("group", *sorted(repr(self.shown(each)) for each in error.exceptions))
        return (type(error).__name__, *error.args)

    async def work(self, who, depth):
        """Do something at random and tell how it ended."""
        kinds = ["turns", "turns", "future", "fail", "stubborn"]
        if depth:
            kinds += ["gather", "wait", "shield", "group", "timeout", "wait_for", "sleep", "as_completed", "spawn"]
        chance = self.chance(who)
        kind = chance.choice(kinds)
        who = f"{who}.{kind}"
        try:
            result = await getattr(self, f"_{kind}")(who, depth - 1, chance)
        except BaseException as error:
            self.tell(who, "raised", self.shown(error))
            raise
        self.tell(who, "returned", result)
        return who

    def works(self, who, depth, chance, least=1):
        return [self.work(f"{who}{number}", depth) for number in range(chance.randrange(least, 4))]

    async def _turns(self, who, depth, chance):
        for _ in range(chance.randrange(6)):
            await self.lib.sleep(0)

    async def _sleep(self, who, depth, chance):
        return await self.lib.sleep(0, who)

    async def _fail(self, who, depth, chance):
        await self._turns(who, depth, chance)
        raise LookupError(who)

    async def _future(self, who, depth, chance):
        self.futures[who] = self.loop.create_future()
        return await self.futures[who]

    async def _stubborn(self, who, depth, chance):
        try:
            await self._turns(who, depth, chance)
        except asyncio.CancelledError:
            self.tell(who, "stays")
            await asyncio.sleep(0)

    async def _gather(self, who, depth, chance):
        children = self.works(who, depth, chance, least=0)
        return_exceptions = chance.random() < 0.5
        results = await self.lib.gather(*children, return_exceptions=return_exceptions)
        return [result if type(result) is str else self.shown(result) for result in results]

    async def _wait(self, who, depth, chance):
        works = self.works(who, depth, chance)
        tasks = [self.loop.create_task(work, name=f"{n}") for n, work in enumerate(works)]
        when = chance.choice(["FIRST_COMPLETED", "FIRST_EXCEPTION", "ALL_COMPLETED"])
        try:
            done, pending = await self.lib.wait(tasks, return_when=when)
        finally:
            for task in tasks:
                task.cancel()
        return [sorted(task.get_name() for task in tasks) for tasks in (done, pending)]

    async def _shield(self, who, depth, chance):
        return await self.lib.shield(self.work(f"{who}0", depth))

    async def _as_completed(self, who, depth, chance):
        if sys.version_info < (3, 13):
            return None
        # asyncio starts coroutines in an order of its own: tasks have theirs.
        tasks = [self.loop.create_task(work) for work in self.works(who, depth, chance)]
        seen = []
        async for task in self.lib.as_completed(tasks):
            try:
                seen.append(await task)
            except (LookupError, asyncio.CancelledError, BaseExceptionGroup, TimeoutError) as error:
                if asyncio.current_task().cancelling():
                    raise
                seen.append(repr(self.shown(error)))
        # Those that are done in the same turn have no order.
        return sorted(seen)

    async def _spawn(self, who, depth, chance):
        spawn = self.lib.create_task if chance.random() < 0.5 else self.lib.ensure_future
        return await spawn(self.work(f"{who}0", depth))

    async def _group(self, who, depth, chance):
        async with self.lib.TaskGroup() as group:
            for work in self.works(who, depth, chance, least=0):
                named = {"name": who} if chance.random() < 0.3 else {}
                group.create_task(work, **named)
                if chance.random() < 0.5:
                    await self.lib.sleep(0)

    async def _timeout(self, who, depth, chance):
        async with self.lib.timeout(chance.choice([0, 1000, None])) as timeout:
            await self.work(f"{who}0", depth)
        return timeout.expired()

    async def _wait_for(self, who, depth, chance):
        return await self.lib.wait_for(self.work(f"{who}0", depth), chance.choice([0, 1000, None]))

    async def main(self):
        tasks = [self.loop.create_task(self.work(f"{number}", 3)) for number in range(3)]
        chance = self.chance("main")
        for _ in range(200):
            await asyncio.sleep(0)
            self.events.append([])
            self._meddle(tasks, chance)
            if all(task.done() for task in tasks):
                break
        for task in asyncio.all_tasks():
            if task is not asyncio.current_task():
                task.cancel()
        for _ in range(30):
            await asyncio.sleep(0)
        for task in tasks:
            if task.done() and not task.cancelled():
                task.exception()
        self.tell("left", sum(not task.done() for task in asyncio.all_tasks()))

    def _meddle(self, tasks, chance):
        """Fill, fail and cancel futures and tasks at random."""
        what = chance.random()
        pending = sorted(who for who, future in self.futures.items() if not future.done())
        if pending and what < 0.5:
            future = self.futures[chance.choice(pending)]
            if what < 0.3:
                future.set_result("filled")
            elif what < 0.4:
                future.set_exception(LookupError("filled"))
            else:
                future.cancel("future")
        elif what > 0.85:
            chance.choice(tasks).cancel("task")


def told(lib, loop, seed):
    """The story of a seed."""
    story = Story(lib, loop, seed)
    loop.set_exception_handler(lambda loop, context: None)
    loop.run_until_complete(story.main())
    return [sorted(turn) for turn in story.events]


@pytest.mark.skipif(ONLY_STOCK, reason="there is nothing to compare")
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.parametrize("part", range(5))
def test_the_same_story(flavour, part):
    if flavour.name == "asyncio":
        pytest.skip("it is the model")
    for seed in range(part * SEEDS // 5, (part + 1) * SEEDS // 5):
        stories = []
        for lib, make in ((asyncio, asyncio.new_event_loop), (flavour.lib, flavour.new_event_loop)):
            loop = make()
            stories.append(told(lib, loop, seed))
            loop.close()
        ours, theirs = stories[1], stories[0]
        assert any(theirs)
        for turn, (mine, model) in enumerate(itertools.zip_longest(ours, theirs)):
            assert mine == model, f"seed {seed}, turn {turn}"
