# Shared by the scripts here; sourced, never run.
# find_python VERSION prints an interpreter of that version: from the prefix that newer-python.sh fills (who filled it wants that one), else
# from PATH, else from pyenv. Shims of pyenv answer to names whose version is not selected, so each candidate has to run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }
in_ci() { [ "${CI:-}" = true ]; }

# An argument of cargo's --config: one more flag for rustc, beside those of .cargo/config.toml. With RUSTFLAGS set cargo would read neither.
rustc_flag() { printf "target.'cfg(unix)'.rustflags = ['%s']" "$1"; }

# Two steps of test.sh may want to install into one environment at the same time. FERRIO_INSTALLED: it has all that steps ask for.
install_into() {
    local venv=$1
    shift
    [[ ${FERRIO_INSTALLED:-} != true || " $* " = *" --target "* ]] || return 0
    flock "$venv" "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
}

# The libraries of the learners' programs, in target/seeds-pyVERSION. Two steps of test.sh want them.
install_seeds() {
    local libraries=target/seeds-py$1
    [ -d "$libraries/aioredis" ] && return
    install_into ".venv-$1" --target "$libraries.$$" -r requirements/seeds.txt
    mv -T "$libraries.$$" "$libraries" 2>/dev/null || rm -rf "$libraries.$$"
}

# What requirements/NAME.txt lists, in target/NAME-pyVERSION and not in the environment. Made under another name: what is there is
# whole, and of these requirements.
install_beside() {
    local version=$1 name=$2 directory=target/$2-py$1 wanted
    wanted=$(sha256sum "requirements/$name.txt")
    if [ "$(cat "$directory/.made-of" 2>/dev/null)" != "$wanted" ]; then
        rm -rf "$directory" "$directory.new"
        install_into ".venv-$version" --no-deps --target "$directory.new" -r "requirements/$name.txt"
        printf '%s\n' "$wanted" >"$directory.new/.made-of"
        mv "$directory.new" "$directory"
    fi
}

runs_as() { [ "$("$2" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = "$1" ]; }

find_python() {
    local version=$1 candidate pyenv_root
    pyenv_root=$(pyenv root 2>/dev/null || true)
    for candidate in "${FERRIO_NEWER_PYTHON:-$root/.newer-python}/$version/venv/bin/python" \
        "python$version" "$pyenv_root"/versions/"$version".*/bin/python python3; do
        if runs_as "$version" "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

# The version to work with where the user names none: 3.13 if it is there, else the newest that is.
default_version() {
    local version
    for version in ${FERRIO_PYTHON:-3.13 3.14 3.12 3.11}; do
        if find_python "$version" >/dev/null; then
            echo "$version"
            return
        fi
    done
    fail "no CPython 3.11–3.14 found: install one (Debian: apt-get install python3 python3-dev python3-venv)"
}
