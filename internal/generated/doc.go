// Package generated runs modules that binaryen's fuzzer makes (wasm-opt -ttf) on every engine, metered and not, and holds the
// results to each other: same results, same end state, and metered the same fuel everywhere. Everything in it is a test:
//
//	go test ./internal/generated                                      // 30 modules
//	GENERATED=5000 go test -tags wasmtime ./internal/generated -v     // all of them, on three engines
//
// Seeds are fixed, so a number names a module.
package generated
