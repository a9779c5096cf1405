#!/usr/bin/env bash
# Everything about the tree that is not a test. Leaves it as it was.
set -euo pipefail
cd "$(dirname "$0")/.."

unformatted=$(gofmt -l $(git ls-files '*.go'))
[ -z "$unformatted" ] || { echo "not formatted (gofmt -w): $unformatted" >&2; exit 1; }

for module in . interop bench tools; do
  (cd "$module" && go mod tidy -diff >/dev/null) || { echo "$module/go.mod is not tidy: (cd $module && go mod tidy)" >&2; exit 1; }
done

go vet ./...
go tool -modfile=tools/go.mod staticcheck ./...
for module in interop bench; do (cd "$module" && go vet ./...); done
# What is behind the tag needs cgo, and wasmtime's 57 MB.
if [ "$(go env CGO_ENABLED)" = 1 ] && command -v "$(go env CC)" >/dev/null; then
  tagged="./host/engine/wasmtime ./internal/engines ./cmd/iprt"
  go vet -tags wasmtime $tagged
  go tool -modfile=tools/go.mod staticcheck -tags wasmtime $tagged
fi

go run ./internal/abigen -check

# Where the product must build; for the last, wazero has no compiler and interprets.
for target in linux/arm64 darwin/arm64 windows/amd64 linux/mipsle; do
  GOOS=${target%/*} GOARCH=${target#*/} CGO_ENABLED=0 go build -o /dev/null ./cmd/iprt ||
    { echo "does not build for $target" >&2; exit 1; }
done
GOOS=wasip1 GOARCH=wasm go build ./abi ./sdk/...

if [ -n "${CI:-}" ] && [ -n "$(git status --porcelain)" ]; then
  echo "the checks changed the tree:" >&2
  git status --porcelain >&2
  exit 1
fi
