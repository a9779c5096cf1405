package abuse

import (
	"bytes"
	"fmt"

	w "github.com/iprt/iprt/internal/wasmtest"
)

// Sections that most static cases need around the one that matters.
var (
	void   = w.Section(w.SecType, w.Vec(w.FuncType(nil, nil))) // one type: () -> ()
	oneFn  = w.Section(w.SecFunction, w.Vec(w.U32(0)))
	noop   = w.Section(w.SecCode, w.Vec([]byte{2, 0, w.OpEnd}))
	mem1   = w.Section(w.SecMemory, w.Vec(w.Limits(1, 2)))
	table1 = w.Section(w.SecTable, w.Vec(w.Cat([]byte{w.FuncRef}, w.Limits(1, 2))))
)

// repeat is a vector of n equal items.
func repeat(n int, item ...byte) []byte { return w.Cat(w.U32(uint32(n)), bytes.Repeat(item, n)) }

// body is a code section of one function.
func body(locals []byte, code ...byte) []byte {
	b := w.Cat(locals, code, []byte{w.OpEnd})
	return w.Section(w.SecCode, w.U32(1), w.U32(uint32(len(b))), b)
}

// staticClaims has counts and sizes that nothing backs: 21 bytes made one engine allocate 16 GiB.
func staticClaims(c *corpus) {
	places := []struct {
		name string
		wasm func(claim []byte) []byte
	}{
		{"types", func(n []byte) []byte { return w.Raw(w.Section(w.SecType, n)) }},
		{"params", func(n []byte) []byte { return w.Raw(w.Section(w.SecType, []byte{1, 0x60}, n)) }},
		{"results", func(n []byte) []byte { return w.Raw(w.Section(w.SecType, []byte{1, 0x60, 0}, n)) }},
		{"imports", func(n []byte) []byte { return w.Raw(void, w.Section(w.SecImport, n)) }},
		{"import-name", func(n []byte) []byte { return w.Raw(void, w.Section(w.SecImport, []byte{1}, n)) }},
		{"functions", func(n []byte) []byte { return w.Raw(void, w.Section(w.SecFunction, n)) }},
		{"tables", func(n []byte) []byte { return w.Raw(w.Section(w.SecTable, n)) }},
		{"memories", func(n []byte) []byte { return w.Raw(w.Section(w.SecMemory, n)) }},
		{"globals", func(n []byte) []byte { return w.Raw(w.Section(w.SecGlobal, n)) }},
		{"exports", func(n []byte) []byte { return w.Raw(mem1, w.Section(w.SecExport, n)) }},
		{"export-name", func(n []byte) []byte { return w.Raw(mem1, w.Section(w.SecExport, []byte{1}, n)) }},
		{"start", func(n []byte) []byte { return w.Raw(void, oneFn, w.Section(w.SecStart, n), noop) }},
		{"elements", func(n []byte) []byte { return w.Raw(table1, w.Section(w.SecElement, n)) }},
		{"element-items", func(n []byte) []byte {
			return w.Raw(void, oneFn, table1, w.Section(w.SecElement, w.Vec(w.Cat([]byte{1, 0}, n))), noop)
		}},
		{"data-count", func(n []byte) []byte { return w.Raw(mem1, w.Section(w.SecDataCount, n)) }},
		{"bodies", func(n []byte) []byte { return w.Raw(void, oneFn, w.Section(w.SecCode, n)) }},
		{"body-size", func(n []byte) []byte { return w.Raw(void, oneFn, w.Section(w.SecCode, []byte{1}, n)) }},
		{"local-runs", func(n []byte) []byte { return w.Raw(void, oneFn, body(n)) }},
		{"br-table", func(n []byte) []byte { return w.Raw(void, oneFn, body([]byte{0}, w.Cat([]byte{0x41, 0, 0x0e}, n)...)) }},
		{"select-types", func(n []byte) []byte { return w.Raw(void, oneFn, body([]byte{0}, w.Cat([]byte{0x1c}, n)...)) }},
		{"data", func(n []byte) []byte { return w.Raw(mem1, w.Section(w.SecData, n)) }},
		{"data-bytes", func(n []byte) []byte { return w.Raw(mem1, w.Section(w.SecData, w.Vec(w.Cat([]byte{1}, n)))) }},
		{"section-size", func(n []byte) []byte { return w.Cat(w.Header, []byte{w.SecType}, n) }},
		{"custom-name", func(n []byte) []byte { return w.Raw(w.Section(w.SecCustom, n)) }},
		{"names", func(n []byte) []byte { return w.Raw(w.Custom("name", w.Cat([]byte{1}, n))) }},
		{"producers", func(n []byte) []byte { return w.Raw(w.Custom("producers", n)) }},
	}
	for _, p := range places {
		for _, n := range []uint32{2, 200, 1 << 16, 1 << 24, 1 << 28, 1<<31 - 1, 1 << 31, 1<<32 - 1} {
			c.load(Static, fmt.Sprintf("claim/%s-%d", p.name, n), "a count or size that nothing backs", func() []byte { return p.wasm(w.U32(n)) }, Reject)
		}
	}
}
