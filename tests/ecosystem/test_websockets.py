"""The websockets library does on ferrio what it does on asyncio, as server and as client."""


def test_messages_pings_and_close_codes(on_both, certificates):
    on_both("websockets_echo.py", certificates.ca, certificates.server, certificates.elsewhere)


def test_peers_that_misbehave_and_broadcasts(on_both):
    on_both("websockets_peers.py")
