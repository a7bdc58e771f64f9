#!/usr/bin/env bash
# A mixed load (aiohttp, websockets, Redis, TLS connections, UDP, executors, processes) for MINUTES on ferrio, release build:
# memory, objects, descriptors and tasks must stay as they are.
# usage: scripts/soak.sh [MINUTES]          default: 30. The samples go to benches/results/soak-VERSION.json.
set -euo pipefail
. "$(dirname "$0")/common.sh"
cd "$root"

minutes=${1:-30}
version=$(default_version)
scripts/build.sh "$version" release test ecosystem
export FERRIO_SOAK_SECONDS=$((minutes * 60)) FERRIO_WATCHDOG_SECONDS=$((minutes * 120 + 300))
export FERRIO_SOAK_OUT=$root/benches/results/soak-$version.json
exec ".venv-$version/bin/python" -m pytest -q tests/ecosystem/test_mixed_load.py -k ferrio
