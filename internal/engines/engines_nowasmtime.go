//go:build !(wasmtime && cgo)

package engines

import "github.com/iprt/iprt/host/engine"

var newWasmtime func() (engine.Engine, error)
