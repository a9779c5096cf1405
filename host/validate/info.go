package validate

import (
	"strings"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/manifest"
)

// Info is what a module's bytes show without running it. Strings in it are the module's own unless said otherwise: show
// them through host/engine/guesttext.
type Info struct {
	Size      int // bytes
	CodeBytes int // of function bodies
	DataBytes int // in data segments

	Functions    int // defined, without imports
	Types        int
	Globals      int // defined, without imports
	DataSegments int
	Elements     int // in all element segments

	Imports []Import          // in the module's order
	Exports map[string]Export // by name
	Memory  *Memory           // nil if the module has none
	Tables  []Table           // by index; no more than [Limits] allows, which is one as a rule
	Start   bool              // there is a start function

	MutableGlobals []MutableGlobal // imported and defined, in the module's order

	Grows         bool // there is a memory.grow or table.grow
	ChangesTables bool // there is a table.set, .grow, .fill, .copy, .init or an elem.drop
	DropsSegments bool // there is a data.drop
	SIMD          bool // there is a vector instruction or a v128 type

	Custom []CustomSection // in the module's order

	// Manifest is nil if there is not exactly one, or it does not parse.
	Manifest *manifest.Manifest
	// Purity is what the imports show.
	Purity manifest.Purity
	// WASI lists the functions imported from WASI preview 1, sorted.
	WASI []string
	// RoleExports lists the exports whose names belong to a role of the ABI, sorted.
	RoleExports []string
	// Toolchain is what the producers section claims, sanitised; at most 32 entries.
	Toolchain []Producer
}

// FuncType is the signature of a function. Types beyond the ABI's four may occur.
type FuncType struct {
	Params, Results []abi.ValType
}

// String gives the signature as "(i32, i32) -> (i64)".
func (t FuncType) String() string {
	return "(" + typeList(t.Params) + ") -> (" + typeList(t.Results) + ")"
}

func typeList(ts []abi.ValType) string {
	names := make([]string, len(ts))
	for i, t := range ts {
		switch t {
		case 0x7b:
			names[i] = "v128"
		case 0x70:
			names[i] = "funcref"
		case 0x6f:
			names[i] = "externref"
		default:
			names[i] = t.String()
		}
	}
	return strings.Join(names, ", ")
}

// Kind is what an import or export is.
type Kind string

// The kinds of imports and exports.
const (
	KindFunc   Kind = "function"
	KindTable  Kind = "table"
	KindMemory Kind = "memory"
	KindGlobal Kind = "global"
)

// Import is one import.
type Import struct {
	Module, Name string
	Kind         Kind
	Type         FuncType // of a function
	Offset       int      // in the module
}

// Export is one export.
type Export struct {
	Kind   Kind
	Index  uint32
	Type   FuncType // of a function
	Offset int      // in the module
}

// Memory is the module's memory, sizes in pages of 64 KiB.
type Memory struct {
	Min, Max uint32
	HasMax   bool
	Imported bool
}

// Table is one table, sizes in elements.
type Table struct {
	Min, Max uint32
	HasMax   bool
	Imported bool
}

// MutableGlobal is a global variable that code may change. Its type may be one beyond the ABI's four.
type MutableGlobal struct {
	Index uint32 // imported globals counted
	Type  abi.ValType
}

// CustomSection is the name and size of a custom section.
type CustomSection struct {
	Name string
	Size int // bytes of content
}

// Producer is one entry of the producers section.
type Producer struct {
	Field   string // "language", "processed-by" or "sdk"
	Name    string
	Version string
}
