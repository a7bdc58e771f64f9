#!/usr/bin/env bash
# Benchmarks: ferrio, ferrio+install, asyncio and uvloop, interleaved, each cell in a fresh process.
# usage: scripts/bench.sh [arguments of python -m benches]
set -euo pipefail
. "$(dirname "$0")/common.sh"
cd "$root"

version=$(default_version)
scripts/build.sh "$version" release bench
exec ".venv-$version/bin/python" -m benches "$@"
