//go:build wasmtime && cgo

package wasmtime

import (
	"math"

	wt "github.com/bytecodealliance/wasmtime-go/v39"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
)

// slot is a value in the form of a stack slot.
func slot(v wt.Val) uint64 { return slotOf(v.Get()) }

// slotOf takes what wasmtime-go makes of a value; it holds no bits that do not count.
func slotOf(v any) uint64 {
	switch v := v.(type) {
	case int32:
		return uint64(uint32(v))
	case int64:
		return uint64(v)
	case float32:
		return uint64(math.Float32bits(v))
	case float64:
		return math.Float64bits(v)
	}
	panic("wasmtime: value that is no number") // such functions are not offered, called or taken
}

// value is what a stack slot holds.
func value(t abi.ValType, slot uint64) wt.Val {
	switch t {
	case abi.I32:
		return wt.ValI32(int32(slot))
	case abi.I64:
		return wt.ValI64(int64(slot))
	case abi.F32:
		return wt.ValF32(math.Float32frombits(uint32(slot)))
	default:
		return wt.ValF64(math.Float64frombits(slot))
	}
}

// valType is 0 for types that do not travel in slots.
func valType(t *wt.ValType) abi.ValType {
	switch t.Kind() {
	case wt.KindI32:
		return abi.I32
	case wt.KindI64:
		return abi.I64
	case wt.KindF32:
		return abi.F32
	case wt.KindF64:
		return abi.F64
	}
	return 0
}

func funcType(t *wt.FuncType) engine.FuncType {
	convert := func(types []*wt.ValType) []abi.ValType {
		out := make([]abi.ValType, len(types))
		for i, t := range types {
			out[i] = valType(t)
		}
		return out
	}
	return engine.FuncType{Params: convert(t.Params()), Results: convert(t.Results())}
}

func valTypes(types []abi.ValType) []*wt.ValType {
	kinds := map[abi.ValType]wt.ValKind{abi.I32: wt.KindI32, abi.I64: wt.KindI64, abi.F32: wt.KindF32, abi.F64: wt.KindF64}
	out := make([]*wt.ValType, len(types))
	for i, t := range types {
		out[i] = wt.NewValType(kinds[t])
	}
	return out
}
