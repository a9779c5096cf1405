// Package sections reads the outline of a WebAssembly binary, as far as engines need it beside their own parser.
//
// [Scan] is the place to start. Anything malformed is left for the engine to report.
package sections

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/iprt/iprt/host/engine"
)

// Section ids and import kinds of the binary format.
const (
	sectionImport   = 2
	sectionFunction = 3
	sectionMemory   = 5
	sectionGlobal   = 6
	sectionExport   = 7
	sectionStart    = 8

	kindFunc   = 0
	kindMemory = 2
)

var kindNames = [...]string{"function", "table", "memory", "global"}

var errStart = errors.New("module has a start section, which would run code on instantiation")

// Outline is what [Scan] found.
type Outline struct {
	// ImportedFuncs and Funcs count the functions that a module imports and defines.
	ImportedFuncs, Funcs uint32
	// HasMemory says whether the module defines a memory, and MinPages how large it starts.
	HasMemory bool
	MinPages  uint32

	exports       span // the payload of the export section
	exportsHeader int  // where that section starts
	afterMemory   int  // where it would start if there is none
}

// A span is where something lies in the module; it starts at 0 if it is not there.
type span struct{ start, end int }

const header = 8 // magic number and version

// Scan finds the outline of a module. It refuses two things that engines may accept and this module does not offer: a start
// section by an [*engine.CompileError], and imports other than functions by an [*engine.ImportError].
func Scan(wasm []byte) (Outline, error) {
	var o Outline
	if len(wasm) < header {
		return o, nil
	}
	for r := (reader{b: wasm[header:]}); ; {
		start := len(wasm) - len(r.b)
		id, payload := r.byte(), r.bytes(r.u32())
		if r.bad {
			return o, nil
		}
		end := len(wasm) - len(r.b)
		sub := reader{b: payload}
		switch id {
		case sectionStart:
			return o, &engine.CompileError{Cause: errStart}
		case sectionImport:
			o.ImportedFuncs = sub.u32()
			if err := checkImportKinds(reader{b: payload}); err != nil {
				return o, err
			}
		case sectionFunction:
			o.Funcs = sub.u32()
		case sectionMemory:
			o.HasMemory = sub.u32() > 0
			sub.byte() // whether there is a maximum
			o.MinPages = sub.u32()
			o.afterMemory = end
		case sectionGlobal:
			o.afterMemory = end
		case sectionExport:
			o.exports, o.exportsHeader = span{end - len(payload), end}, start
		}
	}
}

// checkImportKinds looks no further than the first import that is not a function, so that
// it need not know how the others are encoded.
func checkImportKinds(r reader) error {
	for n := r.u32(); n > 0; n-- {
		module, name, kind := r.bytes(r.u32()), r.bytes(r.u32()), r.byte()
		if r.bad {
			return nil
		}
		if kind != kindFunc {
			what := fmt.Sprintf("kind %d", kind)
			if int(kind) < len(kindNames) {
				what = kindNames[kind]
			}
			return &engine.ImportError{Module: string(module), Name: string(name),
				Reason: "is a " + what + "; only functions can be imported"}
		}
		r.u32() // the type
	}
	return nil
}

// reader reads the binary format. Once something does not fit, bad stays set and
// everything reads as zero.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) byte() byte {
	b := r.bytes(1)
	if len(b) == 0 {
		return 0
	}
	return b[0]
}

func (r *reader) bytes(n uint32) []byte {
	if r.bad || uint64(n) > uint64(len(r.b)) {
		r.bad = true
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) u32() uint32 {
	v, n := binary.Uvarint(r.b[:min(len(r.b), 5)])
	if r.bad || n <= 0 || v > 1<<32-1 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return uint32(v)
}
