#!/usr/bin/env bash
# Runs every native fuzz target for FUZZTIME (default 20s), or those whose file
# matches the extended regular expression in $1, and on until each has had
# FUZZEXECS executions (as 5000000x; default none). `go test` takes one target at
# a time; the list is found, so a new target needs no entry here.
#
# Of each target the last line says what it covered: executions, inputs that
# reached code which none before had reached, and all such inputs that the Go
# cache keeps. They are of the host's code: Go does not see what is covered
# inside Wasm.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${FUZZTIME:-20s}
want=${FUZZEXECS:-0}
want=${want%x}
match=${1:-.}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# By default Go spends up to a minute on making each interesting input smaller,
# in which a slow target does nothing else.
flags=(-run '^$' -fuzzminimizetime 20x)

# run MODULE PACKAGE TARGET FUZZTIME runs a target once, and fails if it found something.
run() {
  if ! (cd "$1" && go test "$2" "${flags[@]}" -fuzz "^$3\$" -fuzztime "$4") 2>&1 | tee "$log"; then
    # The Go command calls it a failure when its own time runs out in the middle
    # of an execution; a real finding writes its input down.
    if grep -aq 'Failing input' "$log" || ! grep -aq '^ *context deadline exceeded$' "$log"; then
      return 1
    fi
    echo "   (time ran out during an execution; nothing was found)"
  fi
}

# field NAME is a number of the last line of progress in the log, or 0.
field() {
  local n
  n=$(grep -a '^fuzz: elapsed: .*execs: ' "$log" | tail -1 | sed -E "s/.*$1: ([0-9]+).*/\1/")
  echo "${n:-0}"
}

found=0
while IFS=: read -r file _ decl; do
  target=$(sed -E 's/^func (Fuzz[A-Za-z0-9_]+).*/\1/' <<<"$decl")
  module=.
  case $file in interop/*) module=interop ;; esac
  package="./$(dirname "${file#"$module"/}")"
  echo "== $file $target ($time${FUZZEXECS:+, and at least ${want} executions})"
  SECONDS=0
  run "$module" "$package" "$target" "$time" || exit 1
  execs=$(field execs) new=$(field 'new interesting')
  while [ "$execs" -lt "$want" ]; do
    run "$module" "$package" "$target" "$((want - execs))x" || exit 1
    [ "$(field execs)" -gt 0 ] || { echo "$target does not get on" >&2; exit 1; }
    execs=$((execs + $(field execs))) new=$((new + $(field 'new interesting')))
  done
  echo "   $target: $execs executions in $SECONDS s, $new new interesting inputs, $(field total) in all"
  found=$((found + 1))
done < <(git ls-files '*_test.go' | grep -E "$match" | xargs grep -nE '^func Fuzz[A-Za-z0-9_]+\(f \*testing\.F\)' /dev/null)
[ "$found" -gt 0 ] || { echo "no fuzz target matches $match" >&2; exit 1; }
echo "$found fuzz targets, clean"
