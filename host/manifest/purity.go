package manifest

import (
	"slices"

	"github.com/iprt/iprt/abi"
)

// Purity is what a module can reach, read off its import section. It is ordered: a larger value reaches less. The zero
// value is the least trusted one.
type Purity uint8

const (
	// Granted modules import something that needs a grant.
	Granted Purity = iota
	// Pure modules import nothing but pure interfaces (iprt:core/v1) and the deterministic WASI set: same input, same output.
	Pure
	// Pure0 modules import nothing.
	Pure0
)

func (p Purity) String() string {
	switch p {
	case Pure0:
		return "pure0"
	case Pure:
		return "pure"
	default:
		return "granted"
	}
}

// MarshalText returns the name, "pure0", "pure" or "granted".
func (p Purity) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// PurityOf returns the purity of a module that imports from the modules named, in any order, with or without repetition.
func PurityOf(imports []string) Purity {
	if len(imports) == 0 {
		return Pure0
	}
	for _, m := range imports {
		pure := m == abi.InterfaceWASI || slices.ContainsFunc(abi.Interfaces, func(i abi.Interface) bool { return i.Name == m && i.Pure })
		if !pure {
			return Granted
		}
	}
	return Pure
}
