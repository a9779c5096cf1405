//go:build wasmtime && cgo

package wasmtime

import (
	wt "github.com/bytecodealliance/wasmtime-go/v39"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
)

// global is an exported variable.
type global struct {
	inst *instance
	g    *wt.Global
	typ  abi.ValType
}

func (i *instance) Global(name string) (engine.Global, bool) {
	typ, ok := i.code.globals[name]
	if !ok {
		return nil, false
	}
	export := i.inst.GetExport(i.store, name)
	if export == nil || export.Global() == nil {
		return nil, false
	}
	return &global{inst: i, g: export.Global(), typ: typ}, true
}

func (g *global) Type() abi.ValType { return g.typ }

func (g *global) Get() uint64 { return slot(g.g.Get(g.inst.store)) }

// Set cannot fail: the variable is mutable and the value of its type.
func (g *global) Set(v uint64) { _ = g.g.Set(g.inst.store, value(g.typ, v)) }
