#!/usr/bin/env bash
# Installs what `make modules` and CI need beyond Go. Debian 12 or later; as root.
set -euo pipefail
missing=()
need() { # need PACKAGE FILE-OR-COMMAND
  case $2 in
    /*) [ -e "$2" ] || missing+=("$1") ;;
    *) command -v "$2" >/dev/null || missing+=("$1") ;;
  esac
}
need clang-19 clang-19                                        # codecs in C
need lld-19 wasm-ld-19
need curl curl                                                # the trustless gateway, from outside
need gcc gcc                                                  # wasmtime's C interface
need libc6-dev /usr/include/stdio.h
need binaryen wasm-opt                                        # generated modules
need wabt wat2wasm                                            # the opcode table, from outside
need wasi-libc /usr/lib/wasm32-wasi/libc.a                    # a program in C
need libclang-rt-19-dev-wasm32 /usr/lib/llvm-19/lib/clang/19/lib/wasi/libclang_rt.builtins-wasm32.a
need rustc /usr/bin/rustc                                     # a program and a decoder in Rust
need libstd-rust-dev-wasm32 /usr/lib/rustlib/wasm32-wasi
need lld-14 wasm-ld-14                                        # the linker of that Rust's age
if [ ${#missing[@]} -eq 0 ]; then
  echo "nothing to install"
  exit 0
fi
if ! command -v apt-get >/dev/null; then
  echo "this script knows Debian's apt-get only; install by hand: ${missing[*]}" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}"
