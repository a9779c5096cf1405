package wazero

import (
	"math"

	"github.com/tetratelabs/wazero/api"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/internal/link"
)

// global is an exported variable. Compiled guests keep theirs in a block of their own and
// interpreted ones in wazero's instance, a difference that wazero hides.
type global struct {
	g    api.MutableGlobal
	typ  abi.ValType
	mask uint64 // of the bits that count
}

func (i *instance) Global(name string) (engine.Global, bool) {
	var g api.MutableGlobal
	err := guard(func() error {
		g, _ = i.mod.ExportedGlobal(name).(api.MutableGlobal)
		return nil
	})
	if err != nil || g == nil {
		return nil, false
	}
	typ := abi.ValType(g.Type())
	if !link.Numeric(typ) {
		return nil, false
	}
	mask := uint64(math.MaxUint64)
	if typ == abi.I32 || typ == abi.F32 {
		mask = math.MaxUint32
	}
	return &global{g: g, typ: typ, mask: mask}, true
}

func (g *global) Type() abi.ValType { return g.typ }
func (g *global) Get() uint64       { return g.g.Get() & g.mask }
func (g *global) Set(v uint64)      { g.g.Set(v & g.mask) }
