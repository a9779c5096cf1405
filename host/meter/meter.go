// Package meter turns a validated module into the one that an engine gets to see. The module's identity stays the CID of
// the original bytes.
//
// Start with [Rewrite]. Today it bounds what an instance can occupy: the maxima of memory and table are lowered to those of
// the class, or added where a toolchain left them out; and it takes away what engines parse with little care: custom
// sections, except for function names, which it writes anew.
//
// # What it does not do yet
//
// Code is not touched. Nothing bounds how long a call runs or how deep it recurses, and no deadline interrupts it: a guest
// that loops occupies its thread for ever, and in compiled code stops the garbage collector with it. Fuel and depth, and with
// them [Config.Flavour] and [Config.KeepNaN], will be added by this stage. Until then load only modules that you trust not to loop.
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
	KeepNaN bool    // leave the bits of NaN results to the engine; by default they are the same on all
}

// revision names what Rewrite does; it changes with every change of its output.
const revision = 2

func (c Config) withDefaults() Config {
	if c.MaxMemoryPages == 0 {
		c.MaxMemoryPages = 1024
	}
	c.MaxMemoryPages = min(c.MaxMemoryPages, wasmbin.MaxPages)
	if c.MaxTableElements == 0 {
		c.MaxTableElements = 65536
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
	if t := info.Table; t != nil && t.Min > cfg.MaxTableElements {
		return nil, &LimitError{What: "table", Unit: "elements", Value: t.Min, Limit: cfg.MaxTableElements}
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
