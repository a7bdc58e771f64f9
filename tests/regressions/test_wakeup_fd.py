"""``signal.set_wakeup_fd`` belongs to the whole process, and a loop may not take it from others.

Found in review with programs that have a wake-up descriptor of their own, and with two loops:
ferrio installed its descriptor for every run and put back what had been there before, which by then
could be a closed loop's.
"""

import asyncio
import os
import signal

import pytest


@pytest.fixture(autouse=True)
def nothing_left_behind():
    """Restores the process's wake-up descriptor and handlers, whatever a test did."""
    numbers = (signal.SIGUSR1, signal.SIGUSR2)
    before = [signal.getsignal(number) for number in numbers]
    fd = signal.set_wakeup_fd(-1)
    yield
    signal.set_wakeup_fd(fd)
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def own():
    """The program's own wake-up pipe: (read end, write end)."""
    fds = os.pipe()
    for fd in fds:
        os.set_blocking(fd, False)
    yield fds
    signal.set_wakeup_fd(-1)
    for fd in fds:
        os.close(fd)


def installed():
    fd = signal.set_wakeup_fd(-1)
    if fd != -1:
        signal.set_wakeup_fd(fd)
    return fd


def is_open(fd):
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


async def nothing():
    await asyncio.sleep(0)


def test_the_programs_own_stays_in_force(loop, own):
    signal.signal(signal.SIGUSR2, lambda *args: None)
    signal.set_wakeup_fd(own[1])

    async def main():
        signal.raise_signal(signal.SIGUSR2)
        assert os.read(own[0], 10) == bytes([signal.SIGUSR2])
        await asyncio.sleep(0.001)
        signal.raise_signal(signal.SIGUSR2)
        return os.read(own[0], 10)

    assert loop.run_until_complete(main()) == bytes([signal.SIGUSR2])
    assert installed() == own[1]
    signal.raise_signal(signal.SIGUSR2)
    assert os.read(own[0], 10) == bytes([signal.SIGUSR2])


def test_under_run(run, own):
    """The runner handles Ctrl-C, which needs no wake-up descriptor."""
    signal.signal(signal.SIGUSR2, lambda *args: None)
    signal.set_wakeup_fd(own[1])

    async def main():
        signal.raise_signal(signal.SIGUSR2)
        return os.read(own[0], 10)

    assert run(main()) == bytes([signal.SIGUSR2])
    assert installed() == own[1]


def test_set_during_a_run_it_stays_afterwards(loop, own):
    async def main():
        signal.set_wakeup_fd(own[1])

    loop.run_until_complete(main())
    assert installed() == own[1]
    loop.run_until_complete(nothing())
    assert installed() == own[1]


def test_taken_away_during_a_run_it_stays_away(loop, own):
    signal.set_wakeup_fd(own[1])

    async def main():
        signal.set_wakeup_fd(-1)

    loop.run_until_complete(main())
    assert installed() == -1


def test_a_run_that_fails(loop, own):
    signal.set_wakeup_fd(own[1])

    async def main():
        raise SystemExit

    with pytest.raises(SystemExit):
        loop.run_until_complete(main())
    assert installed() == own[1]


def test_nothing_is_left_by_a_closed_loop(loop):
    loop.add_signal_handler(signal.SIGUSR1, print)
    loop.run_until_complete(nothing())
    loop.close()
    assert installed() == -1


def test_nothing_is_left_when_the_last_handler_goes(loop):
    loop.add_signal_handler(signal.SIGUSR1, print)
    loop.run_until_complete(nothing())
    loop.remove_signal_handler(signal.SIGUSR1)
    assert installed() == -1


def test_a_loop_closed_while_another_runs(loop, loop_factory):
    other = loop_factory()
    other.add_signal_handler(signal.SIGUSR1, print)

    async def main():
        other.close()

    loop.run_until_complete(main())
    fd = installed()
    assert fd == -1 or is_open(fd)


@pytest.mark.parametrize("first", [0, 1])
def test_two_loops_with_handlers_closed_one_after_the_other(loop_factory, first):
    loops = [loop_factory(), loop_factory()]
    for loop, number in zip(loops, (signal.SIGUSR1, signal.SIGUSR2), strict=True):
        loop.add_signal_handler(number, print)
        loop.run_until_complete(nothing())
    for loop in (loops[first], loops[1 - first]):
        loop.close()
        fd = installed()
        assert fd == -1 or is_open(fd)
    assert installed() == -1


def test_handlers_work_after_another_loop_has_run(loop, loop_factory):
    seen = []
    loop.add_signal_handler(signal.SIGUSR1, lambda: (seen.append("handled"), loop.stop()))
    other = loop_factory()
    other.run_until_complete(nothing())
    other.close()
    loop.call_soon(signal.raise_signal, signal.SIGUSR1)
    loop.run_forever()
    assert seen == ["handled"]


def test_a_signal_that_arrives_while_another_loop_runs(loop, loop_factory):
    """It waits for its own loop."""
    seen = []
    loop.add_signal_handler(signal.SIGUSR1, lambda: (seen.append("handled"), loop.stop()))
    other = loop_factory()

    async def main():
        signal.raise_signal(signal.SIGUSR1)
        await asyncio.sleep(0.001)
        return list(seen)

    assert other.run_until_complete(main()) == []
    other.close()
    loop.run_forever()
    assert seen == ["handled"]
