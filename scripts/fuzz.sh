#!/usr/bin/env bash
# Runs every native fuzz target for FUZZTIME (default 20s), or those whose file
# matches the extended regular expression in $1. `go test` takes one target at a
# time; the list is found, so a new target needs no entry here.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${FUZZTIME:-20s}
match=${1:-.}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
found=0
while IFS=: read -r file _ decl; do
  target=$(sed -E 's/^func (Fuzz[A-Za-z0-9_]+).*/\1/' <<<"$decl")
  module=.
  case $file in interop/*) module=interop ;; esac
  echo "== $file $target ($time)"
  if ! (cd "$module" && go test "./$(dirname "${file#"$module"/}")" -run '^$' -fuzz "^$target\$" -fuzztime "$time") 2>&1 | tee "$log"; then
    # The Go command calls it a failure when its own time runs out in the middle
    # of an execution; a real finding writes its input down.
    if grep -q 'Failing input' "$log" || ! grep -q '^ *context deadline exceeded$' "$log"; then
      exit 1
    fi
    echo "   (time ran out during an execution; nothing was found)"
  fi
  found=$((found + 1))
done < <(git ls-files '*_test.go' | grep -E "$match" | xargs grep -nE '^func Fuzz[A-Za-z0-9_]+\(f \*testing\.F\)' /dev/null)
[ "$found" -gt 0 ] || { echo "no fuzz target matches $match" >&2; exit 1; }
echo "$found fuzz targets, clean"
