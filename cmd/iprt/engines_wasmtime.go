//go:build wasmtime && cgo

package main

import "github.com/iprt/iprt/host/engine/wasmtime"

// newWasmtime is nil in builds without the tag: see engines_nowasmtime.go.
var newWasmtime = wasmtime.New
