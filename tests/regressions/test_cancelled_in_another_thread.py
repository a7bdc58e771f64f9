"""A call that another thread has cancelled does not run, in debug mode neither.

Found in review: in debug mode `cancel()` describes the call, which is Python code. While one thread was at it, the loop's thread
ran the call, of which `cancelled()` said True already.
"""

import asyncio
import threading

import pytest


@pytest.mark.parametrize("method", ["call_soon", "call_soon_threadsafe"])
def test_the_loop_runs_while_a_cancelled_call_is_described(loop, method):
    described, ran, calls = threading.Event(), threading.Event(), []

    class Call:
        def __call__(self):
            calls.append(None)

        def __repr__(self):
            described.set()
            ran.wait()
            return "Call"

    loop.set_debug(True)
    loop.slow_callback_duration = 1000
    handle = getattr(loop, method)(Call())
    canceller = threading.Thread(target=handle.cancel)
    canceller.start()
    described.wait()
    loop.run_until_complete(asyncio.sleep(0))
    ran.set()
    canceller.join()
    assert handle.cancelled()
    assert not calls
