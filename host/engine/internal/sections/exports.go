package sections

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
)

// Export is an entry of the export section.
type Export struct {
	Name  string
	Kind  byte
	Index uint32 // imports count first
}

// IsFunc reports whether an export is a function that the module defines itself.
func (o Outline) IsFunc(e Export) bool { return e.Kind == kindFunc && e.Index >= o.ImportedFuncs }

// Exports lists the exports of the module that o is the outline of.
func (o Outline) Exports(wasm []byte) []Export {
	list, _ := o.readExports(wasm)
	return list
}

// readExports also says whether the section is in order.
func (o Outline) readExports(wasm []byte) (list []Export, ok bool) {
	if o.exports.start == 0 {
		return nil, true
	}
	r := reader{b: wasm[o.exports.start:o.exports.end]}
	for n := r.u32(); n > 0 && !r.bad; n-- {
		e := Export{Name: string(r.bytes(r.u32())), Kind: r.byte(), Index: r.u32()}
		if !r.bad {
			list = append(list, e)
		}
	}
	return list, !r.bad && len(r.b) == 0
}

// ExportMemory returns the module with its memory exported, for engines that show nothing else, and the name it has: one of
// the module's own, or one that the module does not use. A module without memory comes back as it is, with no name, and so
// does one whose exports are malformed: writing them anew could heal them.
func (o Outline) ExportMemory(wasm []byte) (out []byte, name string) {
	if !o.HasMemory {
		return wasm, ""
	}
	exports, ok := o.readExports(wasm)
	if !ok {
		return wasm, ""
	}
	taken := func(name string) bool {
		return slices.ContainsFunc(exports, func(e Export) bool { return e.Name == name })
	}
	for _, e := range exports {
		if e.Kind == kindMemory {
			return wasm, e.Name
		}
	}
	name = "memory"
	for n := 0; taken(name); n++ {
		name = fmt.Sprintf("memory %d", n)
	}
	payload := binary.AppendUvarint(nil, uint64(len(exports)+1))
	before, after := o.exports.start, o.exports.end
	if before == 0 {
		before = o.afterMemory
		after = before
	} else {
		r := reader{b: wasm[before:after]}
		r.u32()
		payload = append(payload, r.b...)
		before = o.exportsHeader
	}
	payload = append(binary.AppendUvarint(payload, uint64(len(name))), name...)
	payload = append(payload, kindMemory, 0)
	section := binary.AppendUvarint([]byte{sectionExport}, uint64(len(payload)))
	return bytes.Join([][]byte{wasm[:before], section, payload, wasm[after:]}, nil), name
}
