#!/usr/bin/env bash
# On a release build: the long form of the tests whose servers are killed (tests/ecosystem/fire, some minutes, on asyncio and ferrio),
# then a mixed load (aiohttp, websockets, Redis, MariaDB, PostgreSQL, a Redis that is killed all the time, TLS connections, UDP,
# executors, processes) for MINUTES on ferrio: memory, objects, descriptors and tasks must stay as they are.
# usage: scripts/soak.sh [MINUTES]          default: 30. Figures: benches/results/soak-fire-VERSION.json, soak-VERSION.json.
set -euo pipefail
. "$(dirname "$0")/common.sh"
cd "$root"

minutes=${1:-30}
version=$(default_version)
scripts/build.sh "$version" release test ecosystem
install_seeds "$version"
FERRIO_FIRE=long FERRIO_WATCHDOG_SECONDS=3600 FERRIO_FIRE_OUT=$root/benches/results/soak-fire-$version.json \
    ".venv-$version/bin/python" -m pytest -q tests/ecosystem -m fire
export FERRIO_SOAK_SECONDS=$((minutes * 60)) FERRIO_WATCHDOG_SECONDS=$((minutes * 120 + 300))
export FERRIO_SOAK_OUT=$root/benches/results/soak-$version.json
exec ".venv-$version/bin/python" -m pytest -q tests/ecosystem/test_mixed_load.py -k ferrio
