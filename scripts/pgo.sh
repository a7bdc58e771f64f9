#!/usr/bin/env bash
# A profile of ferrio at work: which branches are taken, how often, for the compiler to lay out what is hot (three minutes).
# usage: scripts/pgo.sh VERSION      e.g. scripts/pgo.sh 3.13
# Result: its file is the last line on stdout. One made of the same sources is used again.
# ferrio is built with counters, into target/pgo-pyVERSION, and runs the benchmarks' own programs there, short; scripts/build.sh pgo
# compiles with what they counted. Needs llvm-profdata of rustc's own LLVM: rustup component add llvm-tools, or Debian's llvm-NUMBER,
# which root has installed here.
set -euo pipefail
. "$(dirname "$0")/common.sh"
cd "$root"

version=$1
venv=.venv-$version
target=$root/target/pgo-py$version
number=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
host=$(rustc -vV | sed -n 's/^host: //p')

[ -z "${RUSTFLAGS:-}${CARGO_ENCODED_RUSTFLAGS:-}" ] || fail "RUSTFLAGS is set: cargo would leave out the flags for the profile"

# Another LLVM's cannot read what rustc's writes.
find_profdata() {
    local candidate
    for candidate in "$(rustc --print sysroot)/lib/rustlib/$host/bin/llvm-profdata" "llvm-profdata-$number" \
        "/usr/lib/llvm-$number/bin/llvm-profdata" llvm-profdata; do
        if "$candidate" merge --version 2>/dev/null | grep -q "LLVM version $number\."; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

if ! find_profdata >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get -qq install -y --no-install-recommends "llvm-$number" >/dev/null 2>&1 || true
fi
profdata=$(find_profdata) || fail "llvm-profdata of LLVM $number not found: rustup component add llvm-tools (Debian: apt-get install llvm-$number)"

key=$({
    rustc -vV
    find .cargo Cargo.toml Cargo.lock crates python/ferrio benches/workloads -type f ! -name '*.so' ! -name '*.pyc' | LC_ALL=C sort | xargs sha256sum
} | sha256sum | cut -c1-16)
profile=$target/$key.profdata
if [ ! -f "$profile" ]; then
    say "ferrio with counters, for CPython $version" >&2
    CARGO_TARGET_DIR=$target PYO3_PYTHON=$root/$venv/bin/python \
        cargo build --config "$(rustc_flag "-Cprofile-generate=$target/counts")" --quiet --locked --release -p ferrio-python
    cargo build --quiet --locked --release --target-dir target -p ferrio-loadgen
    rm -rf "$target/counts" "$target/package"
    mkdir "$target/package"
    cp -r python/ferrio "$target/package"
    rm -f "$target/package/ferrio/"*.so
    cp "$target/release/lib_ferrio.so" "$target/package/ferrio/_ferrio$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"))')"
    say "short runs of the benchmarks' programs" >&2
    PYTHONPATH=$target/package "$venv/bin/python" -m benches --quick --rounds 1 --no-save --baseline ferrio --loops ferrio,ferrio+install \
        --workloads 'core,net,app.spawn,app.communicate,app.getaddrinfo.*' >"$target/runs.txt" 2>&1 || { cat "$target/runs.txt" >&2; fail "the runs failed"; }
    "$profdata" merge -o "$profile.new" "$target/counts"
    mv "$profile.new" "$profile"
fi
printf '%s\n' "$profile"
