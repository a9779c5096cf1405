package abuse

import (
	w "github.com/iprt/iprt/internal/wasmtest"
)

// withFunc is a codec with one more function: () -> (), with two i32 locals and the code given, end left out.
func withFunc(code ...byte) []byte {
	return w.Codec(w.Edit(func(b *w.Builder) {
		b.FuncRaw(b.Type(nil, nil), w.Cat([]byte{1, 2, w.I32}, code, []byte{w.OpEnd}))
	}))
}

// staticEncodings has integers that are longer than they may be, in the places where the format has one. Padding within the length that the type
// allows is legal, and what linkers do.
func staticEncodings(c *corpus) {
	inCode := func(before, after []byte) func([]byte) []byte {
		return func(leb []byte) []byte { return withFunc(w.Cat(before, leb, after)...) }
	}
	places := []struct {
		name string
		most int // bytes that an integer of the type may have
		wasm func(leb []byte) []byte
	}{
		{"section-size", 5, func(leb []byte) []byte { // the size is 1, and so is the content
			return w.Cat(w.Codec(), []byte{w.SecCustom}, leb, []byte{0})
		}},
		{"custom-name", 5, func(leb []byte) []byte { return w.Cat(w.Codec(), w.Section(w.SecCustom, leb, []byte("a"))) }},
		{"local-count", 5, func(leb []byte) []byte {
			return w.Codec(w.Edit(func(b *w.Builder) { b.FuncRaw(b.Type(nil, nil), w.Cat([]byte{1}, leb, []byte{w.I32, w.OpEnd})) }))
		}},
		{"local-index", 5, inCode([]byte{0x20}, []byte{w.OpDrop})},
		{"i32-const", 5, inCode([]byte{0x41}, []byte{w.OpDrop})},
		{"i64-const", 10, inCode([]byte{0x42}, []byte{w.OpDrop})},
		{"memory-align", 5, inCode([]byte{0x41, 0, 0x2f}, []byte{0, w.OpDrop})},
		{"memory-offset", 5, inCode([]byte{0x41, 0, 0x2d, 0}, []byte{w.OpDrop})},
		{"label", 5, inCode([]byte{0x02, w.Void, 0x02, w.Void, 0x0c}, []byte{w.OpEnd, w.OpEnd})},
		{"br-table-target", 5, inCode([]byte{0x02, w.Void, 0x02, w.Void, 0x41, 0, 0x0e, 1}, []byte{0, w.OpEnd, w.OpEnd})},
		{"br-table-count", 5, inCode([]byte{0x02, w.Void, 0x41, 0, 0x0e}, []byte{0, 0, w.OpEnd})},
		{"call-index", 5, inCode([]byte{0x41, 0, 0x10}, []byte{w.OpDrop})}, // iprt_alloc is function 1
		{"elem-func", 5, func(leb []byte) []byte {
			return w.Codec(w.Edit(func(b *w.Builder) { b.Table(2, 2); b.ElemRaw(w.Cat([]byte{0, 0x41, 0, w.OpEnd, 1}, leb)) }))
		}},
		{"memory-min", 5, func(leb []byte) []byte {
			return w.Codec(w.Edit(func(b *w.Builder) { b.DropMemory(); b.MemoryRaw(w.Cat([]byte{1}, leb, []byte{16})) }))
		}},
		{"data-offset", 5, func(leb []byte) []byte {
			return w.Codec(w.Edit(func(b *w.Builder) { b.DataRaw(w.Cat([]byte{0, 0x41}, leb, []byte{w.OpEnd, 0})) }))
		}},
		{"prefixed-opcode", 5, inCode([]byte{0x43, 0, 0, 0, 0, 0xfc}, []byte{w.OpDrop})}, // i32.trunc_sat_f32_u
		{"bulk-index", 5, func(leb []byte) []byte {
			return w.Codec(w.Edit(func(b *w.Builder) {
				b.DataCount()
				b.FuncRaw(b.Type(nil, nil), w.Cat([]byte{0, 0xfc, 9}, leb, []byte{w.OpEnd})) // data.drop 1
			}))
		}},
	}
	for _, p := range places {
		for _, n := range []int{2, p.most} {
			c.load(Static, count("leb-padded/"+p.name, n), "an integer with padding, which is legal", func() []byte { return p.wasm(w.LongU32(1, n)) }, OK)
		}
		for _, n := range []int{p.most + 1, p.most + 2, 20, 1000} {
			c.load(Static, count("leb-long/"+p.name, n), "an integer of more bytes than its type has", func() []byte { return p.wasm(w.LongU32(1, n)) }, Reject)
		}
		over := w.LongU32(1, p.most)
		over[p.most-1] = 0x10
		if p.most == 10 {
			over[p.most-1] = 0x02
		}
		c.load(Static, "leb-over/"+p.name, "an integer with bits beyond its type", func() []byte { return p.wasm(over) }, Reject)
	}
}
