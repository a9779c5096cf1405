package wazero

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/iprt/iprt/host/engine"
)

// Section ids and import kinds of the binary format.
const (
	sectionImport = 2
	sectionStart  = 8

	kindFunc = 0
)

var kindNames = [...]string{"function", "table", "memory", "global"}

var errStart = errors.New("module has a start section, which would run code on instantiation")

// checkSections refuses two things that wazero accepts and this package does not offer:
// a start section, and imports other than functions, which its API does not list.
// Anything malformed is left for wazero to report.
func checkSections(wasm []byte) error {
	const header = 8
	if len(wasm) < header {
		return nil
	}
	for r := (reader{b: wasm[header:]}); ; {
		id, payload := r.byte(), r.bytes(r.u32())
		switch {
		case r.bad:
			return nil
		case id == sectionStart:
			return &engine.CompileError{Cause: errStart}
		case id == sectionImport:
			if err := checkImportKinds(reader{b: payload}); err != nil {
				return err
			}
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
