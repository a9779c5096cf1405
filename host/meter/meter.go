// Package meter turns a validated module into the one that an engine gets to see. The module's identity stays the CID of
// the original bytes.
//
// Start with [Rewrite]. The module that it returns computes what the original does, and
//
//   - burns fuel: each block of instructions takes its weight from a global variable. When that is below zero, at the entry
//     of a function, at the head of a loop, or after an operation on a long piece of memory, the code asks the host for more,
//     or traps (see [Flavour]). Nothing runs for long without passing such a point;
//   - takes stack slots as its functions call each other, and traps when none are left, long before the stack of any engine
//     ends;
//   - grows memory and table up to limits that the host sets for each instance;
//   - gives NaNs whose bits are the same everywhere, unless [Config.KeepNaN];
//   - exports what the host needs to measure it and to put it back to its first state: see [ExportFuel] and its neighbours;
//   - has no custom sections but clean function names: engines read others with little care.
//
// What a call burns and how deep it gets is fixed to the number by spec/metering.md, as a property of the original module.
// Flavour, limits, slices and engine have no part in it.
//
// # A call
//
// The host offers the function [ImportSlice] of [ImportModule] as an import. It sets fuel before each call and reads it after:
// a call that returns with fuel below zero has overspent like one that trapped with it, and its result must be dropped. After a
// trap, depth below zero says that the call was too deep, and fuel below zero that it ran out. One unit of fuel is
// about 0.1 to 0.2 ns of compiled code.
//
// # How it is done
//
// Each body is read once (scan.go), which notes the blocks, what they weigh, and what else is to change; then it is
// copied with the changes (code.go). Everything added stands behind what the module has, types, globals and locals, so that of all
// indices only those of functions move, as the added import comes before them. No index may have been out of range before: it
// could be in range after. That is why Rewrite takes only what package validate has accepted.
//
// The result is at most 16 times as long as the module, and 128 bytes for each function; toolchains' output grows by a half.
//
// # Caching
//
// The result depends on the bytes and on [Config] alone. Compiled code may be cached under the module's CID, the
// configuration's [Config.Canonical] form and the engine's build.
package meter

import (
	"fmt"

	"github.com/iprt/iprt/host/internal/wasmbin"
	"github.com/iprt/iprt/host/validate"
)

// Config sets the class of a module. The zero value works: each zero field means the default beside it.
type Config struct {
	MaxMemoryPages   uint32 // pages of 64 KiB, at most 65,536; default 1,024 (64 MiB)
	MaxTableElements uint32 // default 65,536

	Flavour Flavour // what code does when fuel ends; default [Slices]
	KeepNaN bool    // leave the bits of NaN results to the engine; by default those of f32 and f64 are the same on all, and those in vectors are not
}

// revision names what Rewrite does; it changes with every change of its output.
const revision = 5

func (c Config) withDefaults() Config {
	if c.MaxMemoryPages == 0 {
		c.MaxMemoryPages = 1024
	}
	c.MaxMemoryPages = min(c.MaxMemoryPages, wasmbin.MaxPages)
	if c.MaxTableElements == 0 {
		c.MaxTableElements = 65536
	}
	if c.Flavour != OneSlice {
		c.Flavour = Slices
	}
	return c
}

// Canonical is a text that is the same for two configurations if and only if [Rewrite] gives the same result for every
// module. It is stable between releases unless the result changes.
func (c Config) Canonical() string {
	c = c.withDefaults()
	nan := "canonical"
	if c.KeepNaN {
		nan = "kept"
	}
	return fmt.Sprintf("meter/%d memory=%d table=%d flavour=%s nan=%s", revision, c.MaxMemoryPages, c.MaxTableElements, c.Flavour, nan)
}

// LimitError reports a module that starts out larger than its class allows.
type LimitError struct {
	What  string // "memory" or "table"
	Unit  string // "pages" or "elements"
	Value uint32 // the minimum that the module declares
	Limit uint32
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("the module starts with a %s of %d %s, at most %d are allowed", e.What, e.Value, e.Unit, e.Limit)
}

// Code is the stable name of the failure.
func (e *LimitError) Code() string { return "module-over-class" }

// Hint says what to do about it.
func (e *LimitError) Hint() string { return "load it with a larger " + e.What + " limit" }

// Rewrite returns the module for the engine. wasm must be exactly the bytes that package validate accepted, and info what it
// said of them; wasm is not changed, and the result shares no memory with it. The error is a *[LimitError] unless wasm and
// info do not belong together.
func Rewrite(wasm []byte, info *validate.Info, cfg Config) ([]byte, error) {
	cfg = cfg.withDefaults()
	if m := info.Memory; m != nil && m.Min > cfg.MaxMemoryPages {
		return nil, &LimitError{What: "memory", Unit: "pages", Value: m.Min, Limit: cfg.MaxMemoryPages}
	}
	for _, t := range info.Tables {
		if t.Min > cfg.MaxTableElements {
			return nil, &LimitError{What: "table", Unit: "elements", Value: t.Min, Limit: cfg.MaxTableElements}
		}
	}
	if len(wasm) != info.Size {
		return nil, fmt.Errorf("meter: %d bytes of module, but info is about one of %d", len(wasm), info.Size)
	}
	m, err := parse(wasm, cfg)
	if err != nil {
		return nil, err
	}
	return newRewriter(m, cfg).assemble()
}
