"""A server that cannot accept for want of file descriptors backs off, says so, and serves again
when some are free."""

SERVER = """
    import resource, socket, errno

    problems = []

    class Echo(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport = transport
        def data_received(self, data):
            self.transport.write(data)

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: problems.append(context))
        server = await loop.create_server(Echo, "127.0.0.1", 0, backlog=100)
        address = server.sockets[0].getsockname()
        clients = [socket.socket() for _ in range(40)]
        free = os.open("/dev/null", os.O_RDONLY)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free + 6, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        os.close(free)
        for client in clients:
            client.setblocking(False)
            await loop.sock_connect(client, address)
        while not problems:
            await asyncio.sleep(0.01)
        context = problems[0]
        assert context["message"] == "socket.accept() out of system resource", context
        assert context["exception"].errno == errno.EMFILE, context
        assert isinstance(context["socket"], asyncio.trsock.TransportSocket), context

        # The listening socket stays readable all the time: a loop that does not back off reports in
        # every turn.
        # Stock tries once per place in the backlog before it pauses for a second, so a handful is
        # no criterion.
        before = len(problems)
        for _ in range(2000):
            await asyncio.sleep(0)
        assert len(problems) - before <= 200, len(problems)

        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
        for number, client in enumerate(clients):
            await loop.sock_sendall(client, b"%d" % number)
            assert await loop.sock_recv(client, 10) == b"%d" % number
            client.close()
        server.close()
        await asyncio.sleep(0.05)

    run(main())
    print("served everybody")
"""


def test_backs_off_and_goes_on(script):
    assert "served everybody" in script(SERVER).stdout


def test_closing_the_server_while_it_backs_off(script):
    done = script(
        """
        import resource, socket

        problems = []

        async def main():
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda loop, context: problems.append(context["message"]))
            server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
            address = server.sockets[0].getsockname()
            client = socket.socket()
            limits = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (client.fileno() + 1, limits[1]))
            client.setblocking(False)
            await loop.sock_connect(client, address)
            while not problems:
                await asyncio.sleep(0.001)
            server.close()
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            # The stock loop starts again after a second.
            await asyncio.sleep(1.2)
            client.close()
            print(problems)

        run(main())
        """
    )
    assert "socket.accept() out of system resource" in done.stdout
