"""grpc.aio, whose own thread polls and wakes the loop through a socket."""


def test_calls_of_each_kind_their_ends_and_a_graceful_stop(on_both):
    on_both("grpc_calls.py")
