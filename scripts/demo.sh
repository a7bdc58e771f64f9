#!/usr/bin/env bash
# The main job on real input: build ferrio (release), then let an unmodified aiohttp program fetch 240 pictures from an
# unmodified aiohttp server, on ferrio, on asyncio and on uvloop, every byte checked.
set -euo pipefail
. "$(dirname "$0")/common.sh"
cd "$root"

version=$(default_version)
scripts/build.sh "$version" release demo
exec ".venv-$version/bin/python" examples/download_demo.py "$@"
