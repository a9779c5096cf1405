#!/usr/bin/env bash
# Installs what `make modules` and CI need beyond Go. Debian 12 or later; as root.
set -euo pipefail
missing=()
command -v clang-19 >/dev/null || missing+=(clang-19)
command -v wasm-ld-19 >/dev/null || missing+=(lld-19)
command -v curl >/dev/null || missing+=(curl)
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
