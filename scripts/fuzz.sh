#!/usr/bin/env bash
# Runs every native fuzz target for FUZZTIME (default 20s). `go test` takes one
# target at a time; the list is found, so a new target needs no entry here.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${FUZZTIME:-20s}
found=0
run() { # run MODULE_DIR
  while IFS=: read -r file _ decl; do
    target=$(sed -E 's/^func (Fuzz[A-Za-z0-9_]+).*/\1/' <<<"$decl")
    echo "== $file $target ($time)"
    (cd "$1" && go test "./$(dirname "$file")" -run '^$' -fuzz "^$target\$" -fuzztime "$time")
    found=$((found + 1))
  done < <(cd "$1" && grep -nE '^func Fuzz[A-Za-z0-9_]+\(f \*testing\.F\)' -r --include='*_test.go' --exclude-dir=interop --exclude-dir=bench . | sed 's|^\./||')
}
run .
run interop
[ "$found" -gt 0 ] || { echo "no fuzz target was found" >&2; exit 1; }
echo "$found fuzz targets, clean"
