//go:build !(wasmtime && cgo)

package main

import "github.com/iprt/iprt/host/engine"

var newWasmtime func() (engine.Engine, error)
