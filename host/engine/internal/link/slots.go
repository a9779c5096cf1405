package link

import (
	"slices"

	"github.com/iprt/iprt/abi"
)

// Numeric reports whether values of these types travel in slots.
func Numeric(types ...abi.ValType) bool {
	return !slices.ContainsFunc(types, func(t abi.ValType) bool {
		return t != abi.I32 && t != abi.I64 && t != abi.F32 && t != abi.F64
	})
}

// Words lists the slots that hold an i32 or f32, of which only the low half counts.
type Words []int

// NewWords lists them for the parameters or results of a signature.
func NewWords(types []abi.ValType) Words {
	var w Words
	for i, t := range types {
		if t == abi.I32 || t == abi.F32 {
			w = append(w, i)
		}
	}
	return w
}

// Clear clears the other halves.
func (w Words) Clear(stack []uint64) {
	for _, i := range w {
		stack[i] &= 1<<32 - 1
	}
}
