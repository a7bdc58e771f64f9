"""Numbers that are no descriptors, and a process that has none left."""

import errno
import os

import pytest

HIGHEST = 2**31 - 1


@pytest.mark.parametrize("method", ["add_reader", "add_writer"])
@pytest.mark.parametrize("number", [100_000, 300_000_000, HIGHEST])
def test_a_number_that_is_no_descriptor(script, method, number):
    """Found in review with the greatest int: ferrio made its table as long as the number before it
    asked the kernel, and died for want of memory. In a process of its own, with a limit, for the
    sake of the machine."""
    done = script(
        """
        import errno, resource
        gigabytes = 8 * 2**30
        resource.setrlimit(resource.RLIMIT_AS, (gigabytes, resource.RLIM_INFINITY))
        loop = new_event_loop()
        method, number = sys.argv[1], int(sys.argv[2])
        try:
            getattr(loop, method)(number, print)
        except OSError as error:
            print(errno.errorcode[error.errno])
        print(loop.remove_reader(number), loop.remove_writer(number))
        # The loop still watches others.
        read, write = os.pipe()
        loop.add_reader(read, loop.stop)
        os.write(write, b"x")
        loop.run_forever()
        print(loop.remove_reader(read))
        loop.close()
        """,
        method,
        str(number),
    )
    assert done.stdout == "EBADF\nFalse False\nTrue\n"


def test_a_number_that_was_a_descriptor(loop):
    """The same way in: what is closed is refused, and leaves no trace in the table."""
    read, write = os.pipe()
    os.close(read)
    with pytest.raises(OSError) as refused:
        loop.add_reader(read, print)
    assert refused.value.errno == errno.EBADF
    assert loop.remove_reader(read) is False
    os.dup2(write, read)
    seen = []
    loop.add_writer(read, lambda: (seen.append("writable"), loop.stop()))
    loop.run_forever()
    assert seen
    loop.remove_writer(read)
    os.close(read)
    os.close(write)


@pytest.mark.parametrize("number", [2**31, 2**40, 2**70])
def test_a_number_that_no_descriptor_can_have(loop, number):
    with pytest.raises(OverflowError):
        loop.add_reader(number, print)


def test_none_left_at_the_first_run(script):
    """Found in review by filling the table of open files before the first run: ferrio made its
    signal pipe then, failed halfway into the run, and was "already running" ever after."""
    done = script(
        """
        import errno, resource, signal
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        loop = new_event_loop()
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
        taken = []
        try:
            while True:
                taken.append(os.dup(0))
        except OSError as error:
            assert error.errno == errno.EMFILE
        loop.call_soon(loop.stop)
        loop.run_forever()
        # Nor does a sleep need one. A signal ends it by EINTR then.
        signal.signal(signal.SIGALRM, lambda number, frame: print("rang"))
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        loop.call_later(0.1, loop.stop)
        loop.run_forever()
        for fd in taken:
            os.close(fd)
        print(loop.is_running(), asyncio._get_running_loop(), *sys.get_asyncgen_hooks())

        async def main():
            await asyncio.sleep(0.001)
            return "recovered"

        loop.call_soon(loop.stop)
        loop.run_forever()
        print(loop.run_until_complete(main()))
        loop.close()
        """
    )
    assert done.stdout == "rang\nFalse None None None\nrecovered\n"
