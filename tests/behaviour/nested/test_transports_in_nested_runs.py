"""Runs inside the callbacks of transports, descriptors and signals; and transports, TLS and children inside nested runs."""

import asyncio
import os
import signal
import socket
import sys

import pytest


class Asking(asyncio.Protocol):
    """A protocol whose every callback runs the loop, for an answer on its own connection where there can be one."""

    def __init__(self, loop):
        self.loop = loop
        self.said = []
        self.waiting = None
        self.lost = loop.create_future()

    def ask(self, question):
        self.waiting = self.loop.create_future()
        self.transport.write(question)
        self.said.append((question, self.loop.run_until_complete(self.waiting)))

    def connection_made(self, transport):
        self.transport = transport
        self.ask(b"made")

    def data_received(self, data):
        if self.waiting is not None:
            waiting, self.waiting = self.waiting, None
            waiting.set_result(data)
        else:
            self.said.append(data)
            self.ask(b"received")

    def eof_received(self):
        self.said.append(self.loop.run_until_complete(asyncio.sleep(0.001, "eof")))

    def connection_lost(self, exc):
        self.said.append(self.loop.run_until_complete(asyncio.sleep(0.001, "lost")))
        self.lost.set_result(exc)


async def echoes(reader, writer):
    """Answers the question of connection_made, says something, answers the next question, and leaves."""
    writer.write(b"answer to " + await reader.read(100))
    await writer.drain()
    await asyncio.sleep(0.005)
    writer.write(b"news")
    writer.write(b"answer to " + await reader.read(100))
    await writer.drain()
    await asyncio.sleep(0.005)
    writer.close()


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def contexts(request, server_context, client_context):
    """`ssl=` of a server and of its client."""
    client_context.check_hostname = False
    return (server_context, client_context) if request.param else (None, None)


def test_every_callback_of_a_protocol_may_run_the_loop(nestable, ours, contexts):
    theirs, mine = contexts

    async def main():
        server = await asyncio.start_server(echoes, "127.0.0.1", 0, ssl=theirs)
        address = server.sockets[0].getsockname()
        _, protocol = await nestable.create_connection(lambda: Asking(nestable), *address, ssl=mine)
        assert await protocol.lost is None
        server.close()
        await server.wait_closed()
        assert protocol.said == [
            (b"made", b"answer to made"),
            b"news",
            (b"received", b"answer to received"),
            "eof",
            "lost",
        ]

    nestable.run_until_complete(main())


@pytest.mark.parametrize("which", [0, 1, 5, 25])
def test_datagrams_that_come_while_one_is_received(nestable, ours, which):
    order = []

    class Receiving(asyncio.DatagramProtocol):
        def datagram_received(self, data, address):
            order.append(data)
            if data == b"%d" % which:
                nestable.run_until_complete(done)

    done = nestable.create_future()

    async def main():
        receiver, _ = await nestable.create_datagram_endpoint(Receiving, ("127.0.0.1", 0))
        sender, _ = await nestable.create_datagram_endpoint(
            asyncio.DatagramProtocol, remote_addr=receiver.get_extra_info("sockname")
        )
        for number in range(40):
            sender.sendto(b"%d" % number)
        while len(order) < 40:
            await asyncio.sleep(0.001)
            if len(order) == 40:
                break
        sender.close()
        receiver.close()
        await asyncio.sleep(0.001)

    def seen_all():
        if len(order) < 40:
            nestable.call_later(0.001, seen_all)
        else:
            done.set_result(None)

    nestable.call_soon(seen_all)
    nestable.run_until_complete(main())
    assert order == [b"%d" % number for number in range(40)]


def test_an_answer_leaves_before_a_run_inside_the_callback(nestable, ours):
    class Asking(asyncio.DatagramProtocol):
        def connection_made(self, transport):
            self.transport = transport
            self.answer = nestable.create_future()

        def datagram_received(self, data, address):
            if data == b"begin":
                self.transport.sendto(b"question", address)
                self.said = nestable.run_until_complete(self.answer)
            else:
                self.answer.set_result(data)

    class Answering(asyncio.DatagramProtocol):
        def connection_made(self, transport):
            self.transport = transport

        def datagram_received(self, data, address):
            self.transport.sendto(b"answer to " + data, address)

    async def main():
        receiver, asking = await nestable.create_datagram_endpoint(Asking, ("127.0.0.1", 0))
        name = receiver.get_extra_info("sockname")
        sender, _ = await nestable.create_datagram_endpoint(Answering, remote_addr=name)
        sender.sendto(b"begin")
        while not hasattr(asking, "said"):
            await asyncio.sleep(0.001)
        sender.close()
        receiver.close()
        await asyncio.sleep(0.001)
        return asking.said

    assert nestable.run_until_complete(main()) == b"answer to question"


def test_a_reader_that_runs_the_loop_is_not_called_anew_before_it_has_returned(nestable, ours):
    left, right = socket.socketpair()
    left.setblocking(False)
    right.send(b"xy")
    seen = []

    def read():
        seen.append("called")
        nestable.run_until_complete(asyncio.sleep(0.002))
        seen.append(left.recv(1))

    async def main():
        nestable.add_reader(left, read)
        while len(seen) < 4:
            await asyncio.sleep(0.001)
        nestable.remove_reader(left)

    nestable.run_until_complete(main())
    assert seen == ["called", b"x", "called", b"y"]
    left.close()
    right.close()


def test_events_seen_to_inside_are_not_told_again_outside(nestable, ours):
    """Two readers ready at once: the first waits for what the second reads, which is called once."""
    pairs = [socket.socketpair() for _ in range(2)]
    future, seen = nestable.create_future(), []

    def first():
        pairs[0][0].recv(1)
        seen.append(nestable.run_until_complete(future))

    def second():
        # A second call would find nothing: BlockingIOError.
        future.set_result(pairs[1][0].recv(1))

    async def main():
        for (mine, other), callback in zip(pairs, (first, second)):
            mine.setblocking(False)
            nestable.add_reader(mine, callback)
            other.send(b"x")
        while not seen:
            await asyncio.sleep(0.001)
        for mine, other in pairs:
            nestable.remove_reader(mine)
            mine.close()
            other.close()

    nestable.run_until_complete(main())
    assert seen == [b"x"]


def test_signal_handlers_that_run_the_loop(nestable):
    seen = []

    def handler():
        seen.append(nestable.run_until_complete(asyncio.sleep(0.001, "the loop's")))

    def python_handler(number, frame):
        seen.append(nestable.run_until_complete(asyncio.sleep(0.001, "Python's")))

    async def main():
        nestable.add_signal_handler(signal.SIGUSR1, handler)
        os.kill(os.getpid(), signal.SIGUSR1)
        while not seen:
            await asyncio.sleep(0.001)
        nestable.remove_signal_handler(signal.SIGUSR1)
        before = signal.signal(signal.SIGUSR2, python_handler)
        nestable.call_later(0.001, os.kill, os.getpid(), signal.SIGUSR2)
        while len(seen) < 2:
            await asyncio.sleep(0.001)
        signal.signal(signal.SIGUSR2, before)

    nestable.run_until_complete(main())
    assert seen == ["the loop's", "Python's"]


def test_streams_inside_nested_runs(nestable, contexts):
    theirs, mine = contexts

    async def fetch(address):
        reader, writer = await asyncio.open_connection(*address, ssl=mine)
        writer.write(b"hello\n")
        line = await reader.readline()
        writer.close()
        await writer.wait_closed()
        return line

    async def serve(reader, writer):
        # The answer comes out of a run inside the connection's own task.
        line = await reader.readline()
        writer.write(asyncio.run(asyncio.sleep(0.001, line.upper())))
        writer.close()

    async def visitor(address):
        return nestable.run_until_complete(fetch(address))

    async def main():
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=theirs)
        address = server.sockets[0].getsockname()
        answers = await asyncio.gather(*(visitor(address) for _ in range(5)))
        server.close()
        await asyncio.sleep(0.001)
        return answers

    assert nestable.run_until_complete(main()) == [b"HELLO\n"] * 5


def test_what_was_written_before_the_run_has_left_by_then(nestable):
    async def main():
        left, right = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=left)
        other, other_writer = await asyncio.open_connection(sock=right)
        writer.write(b"question\n")
        assert nestable.run_until_complete(other.readline()) == b"question\n"
        for each in (writer, other_writer):
            each.close()
            await each.wait_closed()

    nestable.run_until_complete(main())


def test_what_was_written_has_left_before_another_loop_runs(nestable, ours, loop_factory):
    other, seen = loop_factory(), []

    async def main():
        left, right = socket.socketpair()
        right.setblocking(False)
        transport, _ = await nestable.create_connection(asyncio.Protocol, sock=left)
        transport.write(b"question")
        seen.append(other.run_until_complete(other.sock_recv(right, 100)))
        transport.close()
        right.close()
        await asyncio.sleep(0)

    nestable.run_until_complete(main())
    other.close()
    assert seen == [b"question"]


@pytest.mark.keeps_fds
def test_children_inside_nested_runs(nestable):
    async def child(number):
        code = f"print({number} * 2)"
        process = await asyncio.create_subprocess_exec(sys.executable, "-I", "-c", code, stdout=asyncio.subprocess.PIPE)
        out, _ = await process.communicate()
        return int(out), process.returncode

    async def one(number):
        return asyncio.run(child(number))

    async def main():
        return await asyncio.gather(*map(one, range(3)))

    assert nestable.run_until_complete(main()) == [(0, 0), (2, 0), (4, 0)]
