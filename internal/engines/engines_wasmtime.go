//go:build wasmtime && cgo

package engines

import "github.com/iprt/iprt/host/engine/wasmtime"

var newWasmtime = wasmtime.New
