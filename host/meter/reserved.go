package meter

import (
	"math"

	"github.com/iprt/iprt/host/internal/wasmbin"
)

// What Rewrite adds to a module for the host. Validation refuses modules that import from a module or export under a name
// that starts like these.
const (
	// ImportModule and ImportSlice name the function that metered code calls when its fuel is below zero:
	// (i64) -> i64. It is given the fuel, and returns what to go on with, 0 or more, or fails, which ends the call.
	// Given [MemoryGaveOut] it must fail. Only in the flavour [Slices].
	ImportModule = wasmbin.MeterPrefix
	ImportSlice  = "slice"

	// ExportFuel is an i64: what is left. The host sets it before a call and reads it after. It starts at 0.
	ExportFuel = wasmbin.MeterPrefix + ".fuel"

	// ExportDepth is an i32: the stack slots that are left. It starts at [MaxDepth], is back there after every call that
	// returns, and is below 0 after the trap of a call that needed more. After any trap the host sets it back, or discards
	// the instance.
	ExportDepth = wasmbin.MeterPrefix + ".depth"

	// ExportMemoryLimit is an i32 of pages: memory.grow to more gives −1. It starts at the memory's maximum. The host may
	// lower it before the instance runs, not below the memory's size; above the maximum it does nothing.
	ExportMemoryLimit = wasmbin.MeterPrefix + ".memory"

	// ExportTableLimit is the same for the elements of the table.
	ExportTableLimit = wasmbin.MeterPrefix + ".table"

	// ExportGlobal and a decimal index name each mutable global of the guest whose type is numeric; imported globals count.
	ExportGlobal = wasmbin.MeterPrefix + ".g"
)

// MaxDepth is the stack slots of an instance.
const MaxDepth = 32768

// MemoryGaveOut is said when the engine could not grow memory or table though no limit forbade it: it is passed to the
// function slice, and in the flavour [OneSlice] left in the fuel before the trap. A guest must not see it, as another
// host might have had the memory.
const MemoryGaveOut int64 = math.MinInt64

// Flavour is what metered code does when its fuel is below zero.
type Flavour uint8

const (
	// Slices asks the host for the next slice by calling the imported function. For calls that may take long: the host
	// looks at deadlines there, and the garbage collector gets its turn.
	Slices Flavour = iota
	// OneSlice traps as by the instruction unreachable. It is cheaper, and right for calls whose budget is one slice.
	OneSlice
)

func (f Flavour) String() string {
	if f == OneSlice {
		return "one-slice"
	}
	return "slices"
}
