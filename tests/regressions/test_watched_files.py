"""What a descriptor was named by in `add_reader` and `add_writer` is known as long as it is watched.

Found by anyio's own tests: it closes a socket and then removes its watchers; stock's selector finds them by the object, ferrio
asked the closed socket for its number and said "Invalid file descriptor: -1".
"""

import gc
import socket
import weakref

import pytest


@pytest.fixture
def pair():
    one, two = socket.socketpair()
    with one, two:
        yield one, two


@pytest.fixture(params=["reader", "writer"])
def direction(request):
    return request.param


def add(loop, direction, *args):
    return getattr(loop, f"_add_{direction}")(*args)


def remove(loop, direction, file):
    return getattr(loop, f"remove_{direction}")(file)


def test_watchers_of_a_closed_socket_are_removed(loop, direction, pair):
    handle = add(loop, direction, pair[0], print, "never")
    pair[0].close()
    assert remove(loop, direction, pair[0]) is True
    assert handle.cancelled()
    with pytest.raises(ValueError, match="Invalid file descriptor: -1"):
        remove(loop, direction, pair[0])


def test_another_closed_socket_is_not_it(loop, direction, pair):
    add(loop, direction, pair[0], print, "never")
    pair[1].close()
    with pytest.raises(ValueError, match="Invalid file descriptor: -1"):
        remove(loop, direction, pair[1])
    assert remove(loop, direction, pair[0]) is True


# In debug mode the warning that it is unclosed would be kept by pytest, and with it the socket.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_watched_socket_stays_alive(loop, direction):
    one, two = socket.socketpair()
    with two:
        died = weakref.ref(one, lambda _: seen.append("died"))
        seen = []
        number = one.fileno()
        two.send(b"readable")
        add(loop, direction, one, lambda: (seen.append("called"), remove(loop, direction, number), loop.stop()))
        del one
        gc.collect()
        loop.run_forever()
        gc.collect()
        assert seen == ["called", "died"]
        assert died() is None
