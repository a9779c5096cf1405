//go:build !(wasmtime && cgo)

package generated

import "github.com/iprt/iprt/host/engine"

var tagged map[string]func() (engine.Engine, error)
