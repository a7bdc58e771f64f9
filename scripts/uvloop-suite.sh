#!/usr/bin/env bash
# uvloop's own tests, unchanged, with ferrio in uvloop's place; tests/conformance/excl_uvloop.py lists what is left out, and why.
# usage: scripts/uvloop-suite.sh [VERSION [OPTIONS of tests/conformance/uvloop_suite.py...]]   e.g. … 3.13 --files test_tcp -k '*tls*'
# Needs .venv-VERSION of build.sh. The source distribution stays in target/; where it cannot be had that is a failure.
set -euo pipefail
. "$(dirname "$0")/common.sh"
cd "$root"

release=uvloop-0.23.0
version=${1:-$(default_version)}
shift $(($# < 1 ? $# : 1))
python=.venv-$version/bin/python
"$python" -c 'import ferrio' 2>/dev/null || fail "no ferrio in .venv-$version: scripts/build.sh $version dev"

install_into ".venv-$version" -r requirements/test.txt -r requirements/uvloop-suite.txt
if [ ! -d "target/$release/tests" ]; then
    mkdir -p target
    fresh=$(mktemp -d "target/$release.XXXXXX")
    trap 'rm -rf "$fresh"' EXIT
    # pip asks the package for its metadata, so the build backend has to be there (uvloop-suite.txt).
    "$python" -m pip download --quiet --disable-pip-version-check --no-binary uvloop --no-deps --no-build-isolation \
        --dest "$fresh" "${release/-/==}" || fail "cannot download $release"
    tar -xzf "$fresh/$release.tar.gz" -C "$fresh"
    # In one step: whoever runs beside us finds all of it or nothing.
    mv -T "$fresh/$release" "target/$release" 2>/dev/null || [ -d "target/$release/tests" ] || fail "cannot unpack $release"
fi
"$python" tests/conformance/uvloop_suite.py --loop ferrio:new_event_loop --tests "target/$release" -v "$@"
