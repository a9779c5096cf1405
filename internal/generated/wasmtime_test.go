//go:build wasmtime && cgo

package generated

import (
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/wasmtime"
)

var tagged = map[string]func() (engine.Engine, error){
	"wasmtime": wasmtime.New,
}
