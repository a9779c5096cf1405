//go:build !wasmtime || !cgo

package main

// taggedEngines are those that a build needs a tag for: -tags wasmtime.
var taggedEngines []engineKind
