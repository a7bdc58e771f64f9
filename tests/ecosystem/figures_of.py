"""What figures of a long run were taken with: machine, versions, commit. Nothing that names a host or a path."""

import importlib.metadata
import os
import platform
import ssl
import subprocess

from servers import find_program

LIBRARIES = "ferrio redis aiomysql asyncmy PyMySQL asyncpg psycopg aiohttp uvicorn fastapi httpx websockets".split()
SERVERS = {"redis-server": "redis-server", "mariadbd": "mariadb-server", "postgres": "postgresql"}


def surroundings():
    return {
        "commit": _said_by("git", "rev-parse", "--short", "HEAD"),
        "machine": {
            "kernel": platform.release(),
            "architecture": platform.machine(),
            "cpus": os.cpu_count(),
            "memory_mib": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20,
        },
        "versions": {
            "python": platform.python_version(),
            "openssl": ssl.OPENSSL_VERSION,
            **{name: importlib.metadata.version(name) for name in LIBRARIES},
            **{name: _version(find_program(name, package)) for name, package in SERVERS.items()},
        },
    }


def _version(program):
    """mariadbd's line begins with its path."""
    return _said_by(program, "--version").removeprefix(program).strip()


def _said_by(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
