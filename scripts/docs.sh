#!/usr/bin/env bash
# The site from docs/, into target/site; a broken link is a failure.
# usage: scripts/docs.sh [VERSION]      Look at it with: python3 -m http.server -d target/site
set -euo pipefail
. "$(dirname "$0")/common.sh"
cd "$root"

version=${1:-$(default_version)}
python=$root/.venv-$version/bin/python
[ -x "$python" ] || fail "no environment .venv-$version: scripts/build.sh $version dev"
install_beside "$version" docs
# Material tells about the future of mkdocs at every start.
NO_MKDOCS_2_WARNING=1 PYTHONPATH=target/docs-py$version "$python" -m mkdocs build --quiet --strict --clean
say "the site: target/site, $(find target/site -name '*.html' | wc -l) pages"
