"""Memory, objects, descriptors and tasks stay as they are under a mixed load: FERRIO_SOAK_SECONDS of it, five if nothing is said.

``make soak`` runs half an hour of it on ferrio and keeps the samples in the file FERRIO_SOAK_OUT.
"""

import json
import os
import pathlib
import sys

import pytest
from figures_of import surroundings

SECONDS = float(os.environ.get("FERRIO_SOAK_SECONDS", "5"))
OUT = os.environ.get("FERRIO_SOAK_OUT")

# From the fourth sample of ten to the last. What malloc and the collector do with a hundred thousand requests moves by less; a
# leak of 100 bytes a request does not.
RSS_KIB = 6 * 1024
OBJECTS = 1000
# The pools of clients keep as many connections as were busy at once.
FDS = 8


@pytest.mark.skipif(sys.version_info < (3, 12), reason="redis-py times out under this load on CPython 3.11, on asyncio too")
def test_nothing_grows(on_one, tmp_path, redis_server, mariadb, postgres, mortal_redis, certificates):
    samples = tmp_path / "samples"
    ports = redis_server.port, mariadb.port, postgres.port, mortal_redis.port
    files = mortal_redis.control, certificates.ca, certificates.server
    printed = on_one("mixed_load.py", *ports, *files, SECONDS, SAMPLES=str(samples))
    assert printed == "OK\n"
    taken = [json.loads(line) for line in samples.read_text().splitlines()]
    if OUT:
        pathlib.Path(OUT).write_text(json.dumps({**surroundings(), "seconds": SECONDS, "samples": taken}, indent=1) + "\n")
    early, late = taken[3], taken[-1]
    assert late["tasks"] == early["tasks"]
    assert late["fds"] <= early["fds"] + FDS
    assert late["objects"] <= early["objects"] + OBJECTS
    assert late["rss_kib"] <= early["rss_kib"] + RSS_KIB
