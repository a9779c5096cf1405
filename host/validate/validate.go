// Package validate decides whether bytes may go near an engine: a linear scan of a module, its instructions included, with hard
// limits; then the rules of the iprt ABI; and before compiling, an estimate of what that costs. It runs nothing.
//
// Start with [Module]; the zero [Rules] are the strictest. What it accepts has every section whole, in order and once, no
// count that the bytes cannot hold, sizes within [Limits], instructions of core WebAssembly 2.0 in their strict encoding, and
// indices that exist. It follows the height of the operand stack but does not type-check; the engine does. [EstimateCompile]
// comes after host/meter, on the bytes that an engine will get.
//
// # Hostile input
//
// No memory is reserved by a number that a module claims: a count is compared with the bytes that follow and with its limit
// first. What [Info] holds is bounded by [Limits], and scanning code reserves nothing but the nesting of constructs. Time is
// linear in the bytes. Nothing here panics, whatever the bytes.
package validate

import (
	"fmt"

	"github.com/iprt/iprt/host/internal/wasmbin"
)

// RuleSet says how much is checked.
type RuleSet uint8

const (
	// ABI checks the module's shape and that it is an iprt module: marker, exports, imports, manifest, roles.
	ABI RuleSet = iota
	// Shape checks that bytes are a module of core WebAssembly 2.0 within the limits, and no more.
	Shape
)

// Rules is what a module is held to. The zero value means an iprt module from strangers.
type Rules struct {
	Set    RuleSet
	Limits Limits // zero fields mean those of [Untrusted]
	// SIMD allows vector instructions and types. The deterministic profile, which is that of iprt modules, has none: NaNs in
	// vectors are not made canonical.
	SIMD bool
}

// Module checks a module. It reads wasm only during the call, and the Info shares no memory with it. The error is an *[Error].
//
// A module of good shape that breaks a rule of the ABI or the profile comes back with its Info as well as the error, for
// display; after an error of shape Info is nil.
func Module(wasm []byte, rules Rules) (*Info, error) {
	s := &scan{lim: rules.Limits.withDefaults(), info: &Info{Size: len(wasm), Exports: map[string]Export{}}}
	if err := s.module(wasm); err != nil {
		return nil, err
	}
	s.describe()
	if s.info.SIMD && !rules.SIMD {
		return s.info, &Error{Rule: "profile.simd", Offset: s.simdAt, Msg: "uses vectors (SIMD), which are outside the deterministic profile"}
	}
	if rules.Set == Shape {
		return s.info, nil
	}
	if err := s.checkABI(); err != nil {
		return s.info, err
	}
	return s.info, nil
}

// module walks the sections.
func (s *scan) module(wasm []byte) error {
	if err := checkHeader(wasm); err != nil {
		return err
	}
	if most := s.lim.ModuleBytes + s.lim.CustomBytes; uint64(len(wasm)) > most {
		return overLimit("limit.module-bytes", 0, uint64(len(wasm)), most, "bytes of module and custom sections")
	}
	sections := wasmbin.NewSections(wasm)
	for sections.Next() {
		if err := s.section(sections.Section()); err != nil {
			return err
		}
	}
	if err := sections.Err(); err != nil {
		return fromReader(err)
	}
	if kept := uint64(len(wasm)) - s.dropped; kept > s.lim.ModuleBytes {
		return overLimit("limit.module-bytes", 0, kept, s.lim.ModuleBytes, "bytes of module without the custom sections that are dropped")
	}
	return s.finish(len(wasm))
}

// section checks one section's place, its content, and that the content fills it.
func (s *scan) section(c wasmbin.Section) error {
	if c.ID == wasmbin.Custom {
		return s.custom(c)
	}
	name, known := wasmbin.SectionName(c.ID)
	if !known {
		return &Error{Rule: "wasm.section-id", Offset: c.Offset, Value: uint64(c.ID), Limit: uint64(wasmbin.DataCount), Msg: fmt.Sprintf("section id %d is not in core WebAssembly 2.0", c.ID)}
	}
	switch place := wasmbin.Place(c.ID); {
	case place == s.place:
		return &Error{Rule: "wasm.section-repeated", Offset: c.Offset, Value: uint64(c.ID), Msg: "there is a second " + name + " section"}
	case place < s.place:
		return &Error{Rule: "wasm.section-order", Offset: c.Offset, Value: uint64(c.ID), Msg: "the " + name + " section stands after one that must follow it"}
	default:
		s.place = place
	}
	r := c.Reader()
	if err := s.read(c.ID, r); err != nil {
		return err
	}
	if err := r.Err(); err != nil {
		return fromReader(err)
	}
	if r.Len() != 0 {
		return &Error{Rule: "wasm.section-size", Offset: r.Offset(), Value: uint64(r.Len()), Msg: fmt.Sprintf("the %s section goes on for %d bytes after its content", name, r.Len())}
	}
	return nil
}

func (s *scan) read(id byte, r *wasmbin.Reader) error {
	switch id {
	case wasmbin.Type:
		return s.typeSection(r)
	case wasmbin.Import:
		return s.importSection(r)
	case wasmbin.Function:
		return s.functionSection(r)
	case wasmbin.Table:
		return s.tableSection(r)
	case wasmbin.Memory:
		return s.memorySection(r)
	case wasmbin.Global:
		return s.globalSection(r)
	case wasmbin.Export:
		return s.exportSection(r)
	case wasmbin.Start:
		return s.startSection(r)
	case wasmbin.Element:
		return s.elementSection(r)
	case wasmbin.DataCount:
		s.dataCount, s.hasDataCount = r.U32(), true
		return nil
	case wasmbin.Code:
		return s.codeSection(r)
	default:
		return s.dataSection(r)
	}
}
