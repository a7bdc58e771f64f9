#!/usr/bin/env bash
# The tests of aioredis 1.3.1, which was written for Python 3.5 to 3.8, against a real redis-server: on asyncio, and under
# `python -m ferrio --legacy`, where more of them must pass. Run by hand.
# usage: scripts/aioredis-suite.sh [VERSION [OPTIONS of pytest...]]      e.g. scripts/aioredis-suite.sh 3.11 -k pool
# Needs .venv-VERSION of build.sh and redis-server. Source distribution, environment and results stay in target/.
set -euo pipefail
. "$(dirname "$0")/common.sh"
cd "$root"

release=aioredis-1.3.1
version=${1:-$(default_version)}
shift $(($# < 1 ? $# : 1))
".venv-$version/bin/python" -c 'import ferrio' 2>/dev/null || fail "no ferrio in .venv-$version: scripts/build.sh $version dev"
command -v redis-server >/dev/null || fail "redis-server is missing (Debian: apt-get install redis-server)"

# An environment of its own: the suite needs an older pytest and async-timeout than ours.
venv=$root/target/$release-py$version
if [ ! -e "$venv/ready" ]; then
    rm -rf "$venv"
    ".venv-$version/bin/python" -m venv --without-pip "$venv"
    ".venv-$version/bin/python" -m pip --python "$venv/bin/python" install --quiet --disable-pip-version-check \
        pytest==7.4.4 async-timeout==3.0.1 hiredis==3.5.0 "${release/-/==}"
    ".venv-$version/bin/python" -m pip --python "$venv/bin/python" install --quiet --disable-pip-version-check setuptools==75.8.0
    ".venv-$version/bin/python" -m pip --python "$venv/bin/python" download --quiet --disable-pip-version-check \
        --no-binary aioredis --no-deps --no-build-isolation --dest "$venv" "${release/-/==}"
    tar -xzf "$venv/$release.tar.gz" -C "$venv"
    # What is tested is what was installed.
    rm -r "$venv/$release/aioredis"
    echo "$root/python" >"$venv/lib/python$version/site-packages/ferrio.pth"
    touch "$venv/ready"
fi

cd "$venv/$release"
suite=(-m pytest -q -p no:cacheprovider -o addopts= tests "$@")
passes() { tail -n 1 "$1" | grep -oE '[0-9]+ x?passed' | awk '{ sum += $1 } END { print sum + 0 }'; }

say "on asyncio, CPython $version"
"$venv/bin/python" "${suite[@]}" 2>&1 | tee "$venv/asyncio.log" | tail -n 1 || true
say "on ferrio, with --legacy"
"$venv/bin/python" -m ferrio --legacy "${suite[@]}" 2>&1 | tee "$venv/legacy.log" | tail -n 1 || true
stock=$(passes "$venv/asyncio.log") ours=$(passes "$venv/legacy.log")
say "$stock pass on asyncio, $ours on ferrio with --legacy; $venv/*.log say more"
[ "$ours" -gt "$stock" ] || fail "not more than on asyncio"
