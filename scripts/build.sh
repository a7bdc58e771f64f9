#!/usr/bin/env bash
# Build ferrio into a virtual environment of the checkout.
# usage: scripts/build.sh [VERSION [dev|release|pgo|wheel [REQUIREMENTS...]]]      e.g. scripts/build.sh 3.13 release demo
# Result: .venv-VERSION/bin/python, in which `import ferrio` works; with `wheel` a wheel in target/wheels instead. VERSION: 3.11 …;
# default 3.13, else the newest there is. `pgo` and `wheel` are release builds that know what is hot (scripts/pgo.sh).
# REQUIREMENTS name files in requirements/ (default: test).
set -euo pipefail
. "$(dirname "$0")/common.sh"
cd "$root"

version=${1:-$(default_version)}
profile=${2:-release}
shift $(($# < 2 ? $# : 2))
[ $# -gt 0 ] || set -- test

python=$(find_python "$version") || fail "CPython $version not found on PATH or in pyenv (scripts/newer-python.sh brings 3.13 and later)"
command -v cargo >/dev/null || fail "cargo not found: install Rust 1.85 or later (https://rustup.rs, or Debian: apt-get install cargo)"
venv=.venv-$version
# Made of another interpreter of that version, or of one that is gone: made anew.
which='import sys; print(sys.version, sys.base_prefix)'
if [ "$("$venv/bin/python" -c "$which" 2>/dev/null)" != "$("$python" -c "$which")" ]; then
    rm -rf "$venv"
    # An interpreter of newer-python.sh comes without ensurepip's wheels; the pip beside it fills in.
    pip=$(dirname "$python")/../../tool/bin/pip
    if [ -x "$pip" ]; then
        "$python" -m venv --without-pip "$venv"
        "$pip" --python "$venv/bin/python" install --quiet --disable-pip-version-check pip
    else
        "$python" -m venv "$venv" || fail "cannot make a virtual environment (Debian: apt-get install python3-venv)"
    fi
fi
requirements=(-r requirements/build.txt)
for name in "$@"; do requirements+=(-r "requirements/$name.txt"); done
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check "${requirements[@]}"

# One target directory per version: PyO3 is compiled anew whenever the interpreter changes.
export CARGO_TARGET_DIR=$root/target/py$version
how=(develop --profile "$profile")
case $profile in pgo | wheel)
    hot=$(scripts/pgo.sh "$version" | tail -n 1)
    export CARGO_TARGET_DIR=$root/target/pgo-py$version
    how=(develop --release)
    [ "$profile" = pgo ] || how=(build --release --out target/wheels)
    how+=(--config "$(rustc_flag "-Cprofile-use=$hot")")
    ;;
esac
say "ferrio for CPython $version ($profile)"
PATH=$root/$venv/bin:$PATH VIRTUAL_ENV=$root/$venv maturin "${how[@]}" --quiet
[ "$profile" = wheel ] ||
    "$venv/bin/python" -c 'import ferrio, sys; print("ferrio", ferrio.__version__, "for CPython", sys.version.split()[0])'
