"""Child processes in a row, at once, and from the loops of several threads: every byte, every exit
status, no zombie.

    python children.py MODULE row|at_once|threads COUNT
"""

import asyncio
import subprocess

import books

#: Each child says its number, what it was told, and ends with its number modulo 256.
SCRIPT = 'read line; echo "$0 $line"; echo err >&2; exit $(($0 % 256))'


async def child(number):
    process = await asyncio.create_subprocess_exec(
        "sh",
        "-c",
        SCRIPT,
        str(number),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert await process.communicate(b"hello %d\n" % number) == (
        b"%d hello %d\n" % (number, number),
        b"err\n",
    )
    assert process.returncode == number % 256


async def in_a_row(count):
    before = books.Books()
    for number in range(count):
        await child(number)
        if number % 100 == 0:
            await before.balance(f"child {number}")
    await before.balance()
    return count


async def at_once(count):
    before = books.Books()
    books.allow_descriptors(10 * count + 100)
    for _ in range(3):
        await asyncio.gather(*map(child, range(count)))
        await before.balance()
    return count


async def in_threads(count):
    before = books.Books()

    def work(first):
        async def main():
            for number in range(first, first + count // 4):
                await child(number)

        with asyncio.Runner(loop_factory=books.new_event_loop) as runner:
            runner.run(main())

    await asyncio.gather(*(asyncio.to_thread(work, 1000 * thread) for thread in range(4)))
    await before.balance()
    return count


MANNERS = {"row": in_a_row, "at_once": at_once, "threads": in_threads}

if __name__ == "__main__":
    books.program(lambda manner, count: MANNERS[manner](count), str, int)
