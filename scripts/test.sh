#!/usr/bin/env bash
# All tests, or the named steps.
# usage: scripts/test.sh [lint|rust|python VERSION|build VERSION|behaviour VERSION|debug VERSION|stress VERSION|conformance VERSION|uvloop VERSION
#     |seeds VERSION|ecosystem VERSION|fire VERSION|docs VERSION]...
# Without arguments: lint, rust, then for each version in FERRIO_PYTHONS (default: those of 3.14 3.13 3.12 3.11 that are there)
# the extension, its behaviour tests, CPython's own tests, the learners' programs, the guide's and real libraries with their servers;
# on 3.13 also uvloop's own tests, the stress, servers under fire, and the site with the recipes; on the oldest and the newest the behaviour tests in
# debug mode. FERRIO_JOBS steps (default: 2) run at a time, the tests in Python after all that is compiled, and what one prints comes
# in one piece when it ends.
# With CI=true a missing interpreter, tool or test suite is a failure, except that newer-python.sh brings CPython 3.14 where
# there is none; else it is a skip that says what to install.
set -euo pipefail
. "$(dirname "$0")/common.sh"
cd "$root"

missing() { in_ci && fail "$*"; printf 'SKIPPED: %s\n' "$*"; }
timed() { local start=$SECONDS; "$@"; printf -- '-- %s: %d s\n' "$*" $((SECONDS - start)); }

lint() {
    say "format, clippy, tidy"
    if cargo fmt --version >/dev/null 2>&1; then cargo fmt --all --check; else missing "cargo fmt (rustup component add rustfmt)"; fi
    if cargo clippy --version >/dev/null 2>&1; then
        PYO3_PYTHON=$(find_python "$(default_version)") \
            cargo clippy --quiet --locked --workspace --all-targets -- -D warnings
    else
        missing "cargo clippy (rustup component add clippy)"
    fi
    cargo xtask tidy
}

rust() {
    say "Rust tests: reactor, core, xtask, loadgen"
    cargo test --quiet --locked
}

# With all that is installed: a step must not find a package, a plugin of pytest even, half installed by another step.
build() { scripts/build.sh "$1" dev test ecosystem uvloop-suite; }

python() {
    scripts/build.sh "$1" dev
    behaviour "$1"
    debug "$1"
}

# Where a step notes what has failed, and how it ended.
record_of() { printf '%s/target/tests/%s-%s' "$root" "$1" "${2:-}"; }

# What fails is noted, and is all that `again` runs, where the first time came to its end (pytest's status 1); else it runs all.
run_tests() {
    local version=$1 record which=--cache-clear status=0
    record=$(record_of "${FUNCNAME[1]}" "$1")
    shift
    if [ "${FERRIO_AGAIN:-}" = true ] && [ "$(cat "$record/status" 2>/dev/null)" = 1 ]; then which=--last-failed; fi
    # shellcheck disable=SC2086
    ".venv-$version/bin/python" ${PYTHON_OPTIONS:-} -m pytest -q -o cache_dir="$record" "$which" "$@" || status=$?
    mkdir -p "$record"
    printf '%s\n' "$status" >"$record/status"
    return "$status"
}

behaviour() {
    say "behaviour tests on CPython $1"
    FERRIO_STRESS_SHARE=${FERRIO_STRESS_SHARE:-0.01} run_tests "$1" tests/behaviour tests/regressions tests/typing tests/stress/test_nothing_grows.py
}

debug() {
    say "behaviour tests in debug mode, CPython $1"
    PYTHONASYNCIODEBUG=1 PYTHON_OPTIONS="-X dev" run_tests "$1" tests/behaviour tests/regressions -k "ferrio and not asyncio"
}

stress() {
    say "stress: nothing is lost, CPython $1"
    FERRIO_STRESS_SHARE=${FERRIO_STRESS_SHARE:-0.01} run_tests "$1" tests/stress/test_nothing_is_lost.py
}

conformance() {
    say "CPython's own asyncio tests on ferrio, CPython $1"
    # The loop without the other native names, and those on asyncio's loop: one version is enough.
    local modes=(task all)
    [ "$1" != 3.13 ] || modes+=(loop stock)
    ".venv-$1/bin/python" tests/conformance/run.py --only "${modes[@]}"
}

uvloop() {
    say "uvloop's own tests on ferrio, CPython $1"
    scripts/uvloop-suite.sh "$1"
}

seeds() {
    say "examples, the guide and learners' programs under python -m ferrio, CPython $1"
    install_into ".venv-$1" -r requirements/ecosystem.txt
    install_seeds "$1"
    run_tests "$1" tests/seeds tests/examples tests/docs/test_guide.py benches/tests
}

ecosystem() {
    say "real libraries and servers on ferrio and on asyncio, CPython $1"
    install_into ".venv-$1" -r requirements/ecosystem.txt
    run_tests "$1" tests/ecosystem -m "not fire"
}

fire() {
    say "servers killed under load, crowds of clients, CPython $1"
    install_into ".venv-$1" -r requirements/ecosystem.txt
    install_seeds "$1"
    run_tests "$1" tests/ecosystem -m fire
}

docs() {
    say "the site, in a browser, and the recipes, CPython $1"
    scripts/docs.sh "$1"
    install_into ".venv-$1" -r requirements/ecosystem.txt
    install_beside "$1" recipes
    PYTHONPATH=$root/target/recipes-py$1 FERRIO_RECIPES=all \
        run_tests "$1" tests/docs/test_site.py tests/docs/test_recipes.py tests/docs/test_beyond_asyncio.py
}

# Is there an interpreter of that version? In CI a new one is brought where the machine has none.
there_is() {
    find_python "$1" >/dev/null && return
    if in_ci && [[ $1 != 3.1[1-3] ]]; then scripts/newer-python.sh "$1"; fi
    find_python "$1" >/dev/null && return
    missing "CPython $1 (scripts/newer-python.sh brings 3.13 and later)"
    return 1
}

everything() {
    local version all=() built=() behaviour=() debug=() ecosystem=() conformance=() seeds=() once=()
    for version in ${FERRIO_PYTHONS:-3.14 3.13 3.12 3.11}; do
        there_is "$version" || continue
        all+=("$version")
        built+=("build $version")
        behaviour+=("behaviour $version")
        ecosystem+=("ecosystem $version")
        conformance+=("conformance $version")
        seeds+=("seeds $version")
        # Slow for what they add: one version is enough.
        case $version in
            3.13) once=("fire 3.13" "stress 3.13" "uvloop 3.13" "docs 3.13") ;;
            3.11 | 3.14) debug+=("debug $version") ;;
        esac
    done
    if in_ci; then
        # Nothing is compiled twice here, Rust or Python: what would make a second time quick is work for nobody.
        export CARGO_INCREMENTAL=${CARGO_INCREMENTAL:-0} PIP_COMPILE=${PIP_COMPILE:-0}
    fi
    failed=$(mktemp -d)
    export failed
    # The first and the last share a target directory, so they should not meet.
    side_by_side rust "${built[@]}" lint
    [ ${#all[@]} -gt 0 ] || fail "no CPython to test with"
    # Long ones first, so that none is left alone at the end.
    FERRIO_INSTALLED=true side_by_side "${behaviour[@]}" "${debug[@]}" "${ecosystem[@]}" "${conformance[@]}" "${seeds[@]}" "${once[@]}"
    rm -r "$failed"
    say "all passed"
}

side_by_side() { printf '%s\n' "$@" | xargs -P "${FERRIO_JOBS:-2}" -L 1 scripts/test.sh in_one_piece || again; }

# A step whose output waits until it ends. That of a failed one is kept, to be told last.
in_one_piece() {
    local log status=0
    log=$(mktemp)
    rm -rf "$(record_of "$@")"
    scripts/test.sh "$@" >"$log" 2>&1 || status=$?
    cat "$log"
    if [ "$status" = 0 ]; then rm "$log"; else mv "$log" "$failed/$*"; fi
    return "$status"
}

# What failed while another step ran beside it, alone, as CPython's own runner does: what fails twice is broken, what passes now
# is a race to look for, in the test or in us, and is named.
again() {
    local log step status=0
    for log in "$failed"/*; do
        step=$(basename "$log")
        say "$step failed; the end of what it printed:"
        tail -n 150 "$log" | grep -v '^SKIPPED' || true
        say "$step again, alone"
        # shellcheck disable=SC2086
        if FERRIO_AGAIN=true scripts/test.sh $step; then say "PASSED ONLY ALONE: $step"; else say "FAILED TWICE: $step"; status=1; fi
        rm "$log"
    done
    return "$status"
}

[ $# -gt 0 ] || set -- everything
while [ $# -gt 0 ]; do
    case $1 in
        everything | lint | rust) timed "$1"; shift ;;
        in_one_piece) shift; in_one_piece "$@"; exit ;;
        python | build | behaviour | debug | stress | conformance | uvloop | seeds | ecosystem | fire | docs) timed "$1" "${2:?$1 needs a version}"; shift 2 ;;
        *) fail "unknown step $1: see the head of this file" ;;
    esac
done
