#!/usr/bin/env bash
# Benchmarks: ferrio, ferrio+install, asyncio, uvloop and every other loop there is, interleaved, each cell in a fresh process.
# usage: scripts/bench.sh [arguments of python -m benches]      benches/README.md says what the figures mean
set -euo pipefail
. "$(dirname "$0")/common.sh"
cd "$root"

# What a run has written is drawn and judged without a build.
version=$(default_version)
case ${1:-} in
    plot | gate | join | markdown)
        [ "$1" != plot ] || install_into ".venv-$version" -r requirements/plot.txt
        exec ".venv-$version/bin/python" -m benches "$@"
        ;;
esac

# As wheels are built. Where that cannot be done the figures say so ("build"), and so do we.
scripts/build.sh "$version" pgo bench || {
    say "WITHOUT A PROFILE (see the error above): slower in what does not wait for the kernel"
    scripts/build.sh "$version" release bench
}
install_seeds "$version"

# Debian's interpreter has its library inside; extensions that ask for the library itself (talyn) find it here, and none of those that stand
# beside it there, which belong to another libc.
newer=${FERRIO_NEWER_PYTHON:-$root/.newer-python}/$version
library=$(find "$newer" -name "libpython$version.so.1.0" -print -quit 2>/dev/null || true)
if [ -n "$library" ]; then
    mkdir -p ".venv-$version/libpython"
    ln -sf "$library" ".venv-$version/libpython/"
    export LD_LIBRARY_PATH=$root/.venv-$version/libpython${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
fi

# One at a time: a loop that has no wheel for this machine must not keep the others out. Why it was left out is told in the results.
say "other loops"
told=.venv-$version/not-installable.txt
: >"$told"
while read -r line; do
    case $line in '' | '#'*) continue ;; esac
    name=${line%%==*}
    if ! errors=$(install_into ".venv-$version" --only-binary :all: "$line" 2>&1); then
        reason=$(grep -m 1 '^ERROR' <<<"$errors" || true)
        echo "$name ${line%%;*}: ${reason:-pip failed}" | tee -a "$told"
    elif ! errors=$(".venv-$version/bin/python" -c "import $name" 2>&1); then
        # Left out by its marker, or installed and broken.
        echo "$name $line: $(tail -n 1 <<<"$errors")" | tee -a "$told"
    fi
done <requirements/bench-loops.txt

say "load generator and limit servers (release)"
cargo build --quiet --locked --release --target-dir target -p ferrio-loadgen
PYO3_PYTHON=$root/.venv-$version/bin/python \
    cargo build --quiet --locked --release --target-dir "target/limit-py$version" -p ferrio-limit-python
exec ".venv-$version/bin/python" -m benches "$@"
