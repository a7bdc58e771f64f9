"""async with: connect and disconnect around a block, also when the block fails."""

import asyncio
import contextlib


class Connection:
    """Stands for a database connection; every step takes a moment."""

    def __init__(self, name):
        self.name = name
        self.open = False

    async def query(self, n):
        await asyncio.sleep(0.01)
        if n < 0:
            raise ValueError(f"no row {n}")
        return f"row {n}"

    async def __aenter__(self):
        await asyncio.sleep(0.01)
        self.open = True
        print("connected:", self.name)
        return self  # what stands behind `as`

    async def __aexit__(self, exc_type, exc, traceback):
        await asyncio.sleep(0.01)
        self.open = False
        print("disconnected:", self.name, "- after", exc_type.__name__ if exc_type else "success")
        return False  # the exception goes on


@contextlib.asynccontextmanager
async def connection(name):
    """The same without a class: what comes before yield enters, what comes after it leaves."""
    async with Connection(name) as conn:
        yield conn


async def main():
    async with Connection("a") as conn:
        print(await conn.query(1))
    print("open:", conn.open)

    try:
        async with connection("b") as conn:
            print(await conn.query(-1))
    except ValueError as error:
        print("caught:", error, "- open:", conn.open)

    # A deadline is a context manager too, and cancellation also runs __aexit__.
    try:
        async with asyncio.timeout(0.3), Connection("c"):
            await asyncio.sleep(60)
    except TimeoutError:
        print("too slow")


if __name__ == "__main__":
    asyncio.run(main())
