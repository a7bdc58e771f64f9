"""getaddrinfo and getnameinfo answer what the socket module answers."""

import asyncio
import inspect
import itertools
import logging
import socket
import subprocess
import sys
import threading

import pytest

QUESTIONS = [
    (("127.0.0.1", 80), {}),
    (("127.0.0.1", 80), {"type": socket.SOCK_STREAM}),
    (("127.0.0.1", "80"), {"type": socket.SOCK_STREAM}),
    (("127.0.0.1", b"80"), {"type": socket.SOCK_STREAM}),
    (("127.0.0.1", None), {"type": socket.SOCK_STREAM}),
    (("127.0.0.1", "http"), {"type": socket.SOCK_STREAM}),
    (("127.0.0.1", 0), {"type": socket.SOCK_DGRAM}),
    (("127.0.0.1", 65_535), {"type": socket.SOCK_STREAM, "proto": socket.IPPROTO_TCP}),
    ((b"127.0.0.1", 80), {"type": socket.SOCK_STREAM}),
    (("::1", 80), {"type": socket.SOCK_STREAM}),
    (("::1", 80), {"family": socket.AF_INET6, "type": socket.SOCK_STREAM}),
    (("fe80::1%1", 80), {"type": socket.SOCK_STREAM}),
    (("::ffff:1.2.3.4", 80), {"type": socket.SOCK_STREAM}),
    (("0.0.0.0", 80), {"type": socket.SOCK_STREAM}),
    (("localhost", 80), {"type": socket.SOCK_STREAM}),
    (("localhost", 80), {"family": socket.AF_INET}),
    (("localhost", "https"), {"type": socket.SOCK_STREAM}),
    ((None, 80), {"type": socket.SOCK_STREAM}),
    ((None, 80), {"type": socket.SOCK_STREAM, "flags": socket.AI_PASSIVE}),
    ((None, "http"), {"flags": socket.AI_PASSIVE}),
    (("", 80), {"type": socket.SOCK_STREAM}),
    (("127.1", 80), {"type": socket.SOCK_STREAM}),
    (("0x7f000001", 80), {"type": socket.SOCK_STREAM}),
    (("127.0.0.1", 80), {"type": socket.SOCK_STREAM, "flags": socket.AI_CANONNAME}),
    (("127.0.0.1", 80), {"type": socket.SOCK_STREAM, "flags": socket.AI_NUMERICHOST}),
    (("127.0.0.1", 80), {"type": socket.SOCK_RAW}),
]

MISTAKES = [
    (("no-such-host.invalid", 80), {}),
    (("127.0.0.1", "no-such-service"), {"type": socket.SOCK_STREAM}),
    (("127.0.0.1", 80), {"family": socket.AF_INET6}),
    (("::1", 80), {"family": socket.AF_INET}),
    (("localhost", 80), {"flags": socket.AI_NUMERICHOST}),
    ((None, None), {}),
    (("127.0.0.1", 80), {"family": 12_345}),
    (("127.0.0.1", 80), {"type": 12_345}),
    (("127.0.0.1", 80), {"type": socket.SOCK_STREAM, "proto": socket.IPPROTO_UDP}),
    (("127.0.0.1.", 80), {}),
    (("1.2.3.4.5", 80), {}),
    (("\0", 80), {}),
    (("a" * 300, 80), {}),
    (("ä" * 100, 80), {}),
    ((3, 80), {}),
    (("127.0.0.1", 1.5), {}),
    (("127.0.0.1", object()), {}),
    (("127.0.0.1", -1), {"type": socket.SOCK_STREAM}),
    (("127.0.0.1", 70_000), {"type": socket.SOCK_STREAM}),
    (("127.0.0.1", 2**80), {"type": socket.SOCK_STREAM}),
]


def outcome(function, *args, **kwargs):
    try:
        return function(*args, **kwargs)
    except Exception as error:
        return type(error), str(error) if isinstance(error, OSError) else None


@pytest.mark.parametrize("args, kwargs", QUESTIONS + MISTAKES)
def test_getaddrinfo_is_the_socket_modules(run, args, kwargs):
    async def main():
        return await asyncio.get_running_loop().getaddrinfo(*args, **kwargs)

    assert outcome(run, _never_unraised(main)) == outcome(socket.getaddrinfo, *args, **kwargs)


async def _never_unraised(main):
    return await main()


HOSTS = ["127.0.0.1", "0.0.0.0", "010.0.0.1", "::", "::1", "::0.1.0.0", "::1.2.3.4", "::ffff:1.2.3.4", "2001:DB8::1", "1:0:0:2:0:0:0:3", "fe80::1%lo", "1.2.3"]
PORTS = [80, "80", "080", None, 65_535, 70_000, -1, "", "+80", b"80", True]
KINDS = [(0, 0), (socket.SOCK_STREAM, 0), (socket.SOCK_DGRAM, 17), (socket.SOCK_STREAM, 17), (socket.SOCK_RAW, 0), (0, 6), (0, 17), (1, 6)]
FAMILIES = [socket.AF_UNSPEC, socket.AF_INET, socket.AF_INET6]
FLAGS = [0, socket.AI_PASSIVE, socket.AI_NUMERICHOST, socket.AI_NUMERICSERV, socket.AI_CANONNAME, socket.AI_V4MAPPED, socket.AI_ADDRCONFIG]


@pytest.mark.parametrize("host", HOSTS)
def test_numbers_in_all_forms(run, host):
    questions = list(itertools.product(PORTS, FAMILIES, KINDS, FLAGS if host == HOSTS[0] else [0]))

    async def main():
        loop = asyncio.get_running_loop()
        answers = []
        for port, family, (kind, proto), flags in questions:
            try:
                answers.append(await loop.getaddrinfo(host, port, family=family, type=kind, proto=proto, flags=flags))
            except OSError as error:
                answers.append((type(error), str(error)))
        return answers

    for (port, family, (kind, proto), flags), answer in zip(questions, run(main())):
        question = host, port, family, kind, proto, flags
        assert answer == outcome(socket.getaddrinfo, *question), question


def test_it_is_a_coroutine_function_that_subclasses_override(loop, run):
    method = type(loop).getaddrinfo
    assert inspect.iscoroutinefunction(method)
    assert str(inspect.signature(method)) == "(self, host, port, *, family=0, type=0, proto=0, flags=0)"

    class Shouting(type(loop)):
        async def getaddrinfo(self, host, port, **kwargs):
            return [*await super().getaddrinfo(host, port, **kwargs), "!"]

    other = Shouting()
    try:
        assert other.run_until_complete(other.getaddrinfo("127.0.0.1", 80))[-1] == "!"
    finally:
        other.close()

    async def mistakes():
        with pytest.raises(TypeError, match="positional arguments"):
            asyncio.get_running_loop().getaddrinfo("127.0.0.1", 80, socket.AF_INET)
        with pytest.raises(TypeError, match="'host'|'port'"):
            asyncio.get_running_loop().getaddrinfo()
        with pytest.raises(TypeError):
            await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 80, family="inet")

    run(mistakes())


def test_nothing_is_asked_before_the_await(loop):
    coroutine = loop.getaddrinfo("127.0.0.1", object())
    assert asyncio.iscoroutine(coroutine)
    coroutine.close()
    late = loop.getaddrinfo("127.0.0.1", 80)
    loop.close()
    with pytest.raises(RuntimeError, match="closed"):
        late.send(None)


def test_debug_mode_logs_the_question_and_how_long_it_took(loop, caplog):
    loop.set_debug(True)
    for limit, level in (0.0, logging.INFO), (1e6, logging.DEBUG):
        loop.slow_callback_duration = limit
        caplog.clear()
        with caplog.at_level(logging.DEBUG, "asyncio"):
            loop.run_until_complete(loop.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM))
        asked, answered = (record for record in caplog.records if "address info" in record.getMessage())
        question = f"127.0.0.1:80, type={socket.SOCK_STREAM!r}"
        assert (asked.getMessage(), asked.levelno) == (f"Get address info {question}", logging.DEBUG)
        assert answered.getMessage().startswith(f"Getting address info {question} took ")
        assert answered.levelno == level


def test_the_audit_event(loop):
    seen = []
    watching = [True]

    def hook(event, args):
        if watching and event == "socket.getaddrinfo":
            seen.append(args)

    sys.addaudithook(hook)
    try:
        loop.run_until_complete(loop.getaddrinfo("::1", 80, type=socket.SOCK_STREAM))
    finally:
        watching.clear()
    assert seen == [("::1", 80, 0, socket.SOCK_STREAM, 0)]


def test_the_answer_is_of_the_same_types(run):
    async def main():
        return await asyncio.get_running_loop().getaddrinfo(
            "127.0.0.1", 80, type=socket.SOCK_STREAM
        )

    ((family, kind, proto, canonical, address),) = run(main())
    assert isinstance(family, socket.AddressFamily)
    assert isinstance(kind, socket.SocketKind)
    assert type(proto) is int and type(canonical) is str and type(address) is tuple


@pytest.mark.parametrize(
    "address, flags",
    [
        (("127.0.0.1", 80), 0),
        (("127.0.0.1", 80), socket.NI_NUMERICHOST),
        (("127.0.0.1", 80), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV),
        (("127.0.0.1", 53), socket.NI_NUMERICHOST | socket.NI_DGRAM),
        (("::1", 80, 0, 0), socket.NI_NUMERICHOST),
        (("localhost", 80), 0),
        (("no-such-host.invalid", 80), 0),
        (("127.0.0.1", 70_000), 0),
        (("127.0.0.1",), 0),
        ("127.0.0.1", 0),
        (None, 0),
        (("127.0.0.1", "http"), 0),
    ],
)
def test_getnameinfo_is_the_socket_modules(run, address, flags):
    async def main():
        return await asyncio.get_running_loop().getnameinfo(address, flags)

    assert outcome(run, _never_unraised(main)) == outcome(socket.getnameinfo, address, flags)


def test_many_at_once(run):
    async def main():
        loop = asyncio.get_running_loop()
        answers = await asyncio.gather(
            *(loop.getaddrinfo("localhost", port) for port in range(1, 100))
        )
        assert [answer[0][4][1] for answer in answers] == list(range(1, 100))

    run(main())


def test_cancelled_in_the_middle(run):
    async def main():
        loop = asyncio.get_running_loop()
        tasks = [
            asyncio.ensure_future(loop.getaddrinfo("localhost", port)) for port in range(1, 20)
        ]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        return await loop.getaddrinfo("localhost", 80, family=socket.AF_INET)

    assert run(main())


def test_the_loop_closed_over_a_question(loop):
    async def ask():
        task = asyncio.ensure_future(loop.getaddrinfo("localhost", 80))
        await asyncio.sleep(0)
        task.cancel()

    loop.run_until_complete(ask())


@pytest.fixture
def replaced(monkeypatch):
    """Puts a function of the test's in the place of one of the socket module's; the calls of it, and whether on this thread."""
    asked = []

    def replace(name, answer):
        def function(*args, **kwargs):
            asked.append((args, kwargs, threading.current_thread() is threading.main_thread()))
            return answer(*args)

        monkeypatch.setattr(socket, name, function)
        return asked

    return replace


@pytest.mark.parametrize("debug", [False, True])
def test_a_getaddrinfo_of_the_program_s_own(loop, replaced, debug):
    loop.set_debug(debug)
    question = ("somewhere.invalid", "anything", socket.AF_INET, socket.SOCK_STREAM, 6, 0)
    names = ["family", "type", "proto", "flags"]
    asked = replaced("getaddrinfo", lambda *args: ["answer", *args])
    ask = loop.getaddrinfo(*question[:2], **dict(zip(names, question[2:])))
    assert asked == []
    assert loop.run_until_complete(ask) == ["answer", *question]
    assert asked.pop() == (question, {}, False)
    # A number is asked about, too.
    loop.run_until_complete(loop.getaddrinfo("127.0.0.1", 80))
    assert asked.pop() == (("127.0.0.1", 80, 0, 0, 0, 0), {}, False)


def test_what_a_getaddrinfo_of_the_program_s_own_raises(loop, replaced):
    def refuse(*args):
        raise socket.gaierror(socket.EAI_FAIL, "not today")

    replaced("getaddrinfo", refuse)
    with pytest.raises(socket.gaierror, match="not today"):
        loop.run_until_complete(loop.getaddrinfo("127.0.0.1", 80))
    with pytest.raises(socket.gaierror, match="not today"):
        loop.run_until_complete(loop.create_connection(asyncio.Protocol, "localhost", 80))


def test_a_connection_to_where_a_getaddrinfo_of_the_program_s_own_says(run, listener, replaced, recorder):
    own = socket.getaddrinfo
    asked = replaced("getaddrinfo", lambda host, *rest: own("127.0.0.1", *rest))
    host, port = listener.getsockname()

    async def main():
        loop = asyncio.get_running_loop()
        for name, times in ("somewhere.invalid", 1), (host, 0):
            transport, protocol = await loop.create_connection(recorder, name, port)
            assert transport.get_extra_info("peername") == (host, port)
            transport.abort()
            await protocol.has("lost")
            # Who connects to a number asks nobody.
            assert len(asked) == times
            asked.clear()
        with socket.socket() as sock:
            sock.setblocking(False)
            await loop.sock_connect(sock, ("somewhere.invalid", port))
        assert len(asked) == 1

    run(main())


def test_a_getnameinfo_of_the_program_s_own(loop, replaced):
    asked = replaced("getnameinfo", lambda *args: ("name", "service"))
    address = ("somewhere.invalid", 80)
    assert loop.run_until_complete(loop.getnameinfo(address)) == ("name", "service")
    assert asked.pop() == ((address, 0), {}, False)
    loop.run_until_complete(loop.getnameinfo(address, flags=socket.NI_DGRAM))
    assert asked.pop() == ((address, socket.NI_DGRAM), {}, False)


def test_a_getaddrinfo_replaced_before_the_loop_s_module_is_imported(flavour, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import socket\n"
        "socket.getaddrinfo = lambda *args: list(args)\n"
        f"from {flavour.name} import new_event_loop\n"
        "loop = new_event_loop()\n"
        "print(loop.run_until_complete(loop.getaddrinfo('127.0.0.1', 80)))\n"
        "loop.run_until_complete(loop.shutdown_default_executor())\n"
        "loop.close()\n"
    )
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=True)
    assert done.stdout == "['127.0.0.1', 80, 0, 0, 0, 0]\n"


NOBODY = ("nobody.invalid", 80)


@pytest.mark.parametrize(
    "method, arguments, shown",
    [
        ("create_connection", {"host": NOBODY[0], "port": NOBODY[1]}, ""),
        ("create_connection", {"host": "127.0.0.1", "port": 80, "local_addr": NOBODY}, ""),
        ("create_datagram_endpoint", {"remote_addr": NOBODY}, ""),
        ("create_datagram_endpoint", {"local_addr": NOBODY}, ""),
        ("create_server", {"host": NOBODY[0], "port": NOBODY[1]}, "'nobody.invalid'"),
    ],
)
def test_an_empty_answer_is_an_error(loop, method, arguments, shown):
    async def getaddrinfo(*args, **kwargs):
        return []

    loop.getaddrinfo = getaddrinfo
    with pytest.raises(OSError) as raised:
        loop.run_until_complete(getattr(loop, method)(asyncio.Protocol, **arguments))
    assert str(raised.value) == f"getaddrinfo({shown}) returned empty list"
