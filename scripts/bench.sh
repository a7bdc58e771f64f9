#!/usr/bin/env bash
# Benchmarks: ferrio, ferrio+install, asyncio and uvloop, interleaved, each cell in a fresh process.
# usage: scripts/bench.sh [arguments of python -m benches]      benches/README.md says what the figures mean
set -euo pipefail
. "$(dirname "$0")/common.sh"
cd "$root"

version=$(default_version)
scripts/build.sh "$version" release bench
say "load generator (release)"
cargo build --quiet --locked --release --target-dir target -p ferrio-loadgen
exec ".venv-$version/bin/python" -m benches "$@"
