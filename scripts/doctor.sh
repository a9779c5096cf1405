#!/usr/bin/env bash
# Says which tools are here and what the missing ones are needed for.
set -u
status=0
need() { # need COMMAND PURPOSE HOW
  if command -v "$1" >/dev/null; then
    printf 'ok    %-12s %s\n' "$1" "$("$1" --version 2>/dev/null | head -n 1)"
  else
    printf 'miss  %-12s needed for %s; %s\n' "$1" "$2" "$3"
    status=1
  fi
}
if command -v go >/dev/null; then
  printf 'ok    %-12s %s\n' go "$(go version)"
else
  printf 'miss  %-12s needed for everything; see https://go.dev/dl\n' go
  exit 1
fi
need gcc "make race, -tags wasmtime" "apt-get install gcc"
need clang-19 "make modules" "make tools"
need wasm-ld-19 "make modules" "make tools"
need curl "make interop" "make tools"
need wasm-opt "tests on generated modules" "make tools"
need wat2wasm "comparing the opcode table" "make tools"
need /usr/bin/rustc "a program and a decoder in Rust" "make tools"
need wasm-ld-14 "linking with that rustc" "make tools"
[ -d "${IPRT_FIXTURES:-../shared/fixtures}/codec-fixtures" ] ||
  printf 'note  %-12s tests on the IPLD project'"'"'s codec-fixtures will skip: set IPRT_FIXTURES\n' fixtures
exit $status
