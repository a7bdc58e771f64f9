"""Waiting for a coroutine where no await can stand: in an ordinary function that runs inside the loop, as a notebook's cells do.

usage: python -m ferrio --nested nested_run.py      without it, asyncio.run() cannot be called from a running event loop
"""

import asyncio


async def fetch(name):
    await asyncio.sleep(0.02)
    return name.upper()


class Page:
    """A class made for programs without asyncio: nobody awaits a property or a comparison."""

    def __init__(self, name):
        self.name = name

    @property
    def text(self):
        return asyncio.run(fetch(self.name))

    def __lt__(self, other):
        return self.text < other.text


async def tick(ticks):
    while True:
        ticks.append(len(ticks))
        await asyncio.sleep(0.001)


async def main():
    loop = asyncio.get_running_loop()
    ticks = []
    ticking = asyncio.create_task(tick(ticks))

    # The loop runs main. page.text runs the loop once more, inside, until fetch is done.
    page = Page("index")
    print("text:", page.text)
    print("other tasks went on:", len(ticks) > 1)

    # sorted() calls __lt__, which runs the loop, and so on: ordinary code knows nothing of it.
    print("sorted:", [each.name for each in sorted([Page("c"), Page("a"), Page("b")])])

    # The loop's own method takes a task or a future as well. Callbacks run as usual.
    task = loop.create_task(fetch("news"))
    task.add_done_callback(lambda done: print("in the callback:", done.result()))
    print("result:", loop.run_until_complete(task))

    print("main is the current task again:", asyncio.current_task().get_coro().__name__ == "main")
    ticking.cancel()


if __name__ == "__main__":
    asyncio.run(main())
