package abuse

import (
	"bytes"
	"fmt"
	"slices"

	w "github.com/iprt/iprt/internal/wasmtest"
)

// staticLimits has modules that are more of something than a host should take. Each is backed by its bytes.
func staticLimits(c *corpus) {
	more := func(name string, wasm func(n int) []byte, sizes ...int) {
		for _, n := range sizes {
			c.load(Static, count(name, n), "more of it than a module needs", func() []byte { return wasm(n) }, Reject)
		}
	}
	more("functions", func(n int) []byte {
		return w.Raw(void, w.Section(w.SecFunction, repeat(n, 0)), w.Section(w.SecCode, repeat(n, 2, 0, w.OpEnd)))
	}, 100_000, 1_000_000)
	more("types", func(n int) []byte { return w.Raw(w.Section(w.SecType, repeat(n, w.FuncType(nil, nil)...))) }, 10_000, 1_000_000)
	more("exports", func(n int) []byte { return w.Raw(mem1, w.Section(w.SecExport, manyExports(n))) }, 5_000, 200_000)
	more("exports-same-name", func(n int) []byte { return w.Raw(mem1, w.Section(w.SecExport, repeat(n, 1, 'm', 2, 0))) }, 2, 900, 200_000)
	more("imports", func(n int) []byte { return w.Raw(void, w.Section(w.SecImport, repeat(n, 1, 'a', 1, 'b', 0, 0))) }, 300, 100_000)
	more("globals", func(n int) []byte { return w.Raw(w.Section(w.SecGlobal, repeat(n, w.I32, 0, 0x41, 0, w.OpEnd))) }, 25_000, 1_000_000)
	more("params", func(n int) []byte { return w.Raw(w.Section(w.SecType, w.Vec(w.FuncType(bytes.Repeat(i32, n), nil)))) }, 40, 1_000, 100_000)
	more("results", func(n int) []byte { return w.Raw(w.Section(w.SecType, w.Vec(w.FuncType(nil, bytes.Repeat(i32, n))))) }, 20, 1_000, 100_000)
	more("data-segments", func(n int) []byte { return w.Raw(w.Section(w.SecData, repeat(n, 1, 0))) }, 200_000, 1_000_000)
	more("element-segments", func(n int) []byte { return w.Raw(w.Section(w.SecElement, repeat(n, 1, 0, 0))) }, 20_000, 1_000_000)
	more("elements", func(n int) []byte {
		return w.Raw(void, oneFn, w.Section(w.SecElement, repeat(3, w.Cat([]byte{1, 0}, repeat(n, 0))...)), noop)
	}, 100_000, 1_000_000)
	more("custom-sections", func(n int) []byte { return w.Cat(w.Codec(), bytes.Repeat(w.Custom("a", nil), n)) }, 2_000, 500_000)
	more("custom-bytes", func(n int) []byte { return w.Cat(w.Codec(), w.Custom("a", make([]byte, n))) }, 9<<20, 64<<20)
	more("names-bytes", func(n int) []byte { return w.Cat(w.Codec(), w.Custom("name", make([]byte, n))) }, 9<<20, 64<<20)
	more("data-bytes", func(n int) []byte {
		return w.Raw(mem1, w.Section(w.SecData, []byte{1, 1}, w.U32(uint32(n)), make([]byte, n)))
	}, 9<<20, 40<<20)
	more("tables", func(n int) []byte {
		return w.Raw(w.Section(w.SecTable, repeat(n, w.Cat([]byte{w.FuncRef}, w.Limits(1, 1))...)))
	}, 2, 100_000)
	more("memories", func(n int) []byte { return w.Raw(w.Section(w.SecMemory, repeat(n, w.Limits(1, 1)...))) }, 2, 100_000)
	staticLocals(c)
	staticSizes(c)
}

func manyExports(n int) []byte {
	var b bytes.Buffer
	b.Write(w.U32(uint32(n)))
	for i := range n {
		fmt.Fprintf(&b, "\x06%06d\x02\x00", i)
	}
	return b.Bytes()
}

// staticLocals has a few bytes that stand for gigabytes of locals: 30 bytes made an engine take 32 GiB.
func staticLocals(c *corpus) {
	run := func(n uint32, typ byte) []byte { return append(w.U32(n), typ) }
	for _, typ := range []byte{w.I32, w.I64, w.F64, w.V128, w.FuncRef} {
		for _, n := range []uint32{5_000, 50_000, 1 << 27, 1 << 31, 1<<32 - 1} {
			c.load(Static, fmt.Sprintf("locals/%d-of-%#x", n, typ), "locals by the billion in a few bytes",
				func() []byte { return w.Raw(void, oneFn, body(w.Vec(run(n, typ)))) }, Reject)
		}
	}
	for _, n := range []int{2, 3, 16, 10_000} {
		c.load(Static, count("locals-wrap", n), "runs of locals whose sum wraps around 32 bits",
			func() []byte { return w.Raw(void, oneFn, body(repeat(n, run(uint32(1<<32/uint64(n)), w.I64)...))) }, Reject)
	}
	for _, n := range []int{2_500, 50_000} {
		c.load(Static, count("locals-in-200", n), "many locals in each of 200 functions", func() []byte {
			one := w.Cat([]byte{1}, run(uint32(n), w.I32), []byte{w.OpEnd})
			return w.Raw(void, w.Section(w.SecFunction, repeat(200, 0)), w.Section(w.SecCode, repeat(200, w.Cat(w.U32(uint32(len(one))), one)...)))
		}, Reject)
	}
	c.load(Static, "locals-runs", "100,000 runs of no locals", func() []byte { return w.Raw(void, oneFn, body(repeat(100_000, 0, w.I32))) }, Reject)
}

// staticSizes has memories and tables that begin too large, or cannot be.
func staticSizes(c *corpus) {
	mem := func(limits []byte) []byte {
		return w.Codec(w.Edit(func(b *w.Builder) { b.DropMemory(); b.MemoryRaw(limits) }))
	}
	for _, m := range []struct {
		name   string
		limits []byte
		want   Outcome
	}{
		{"most-pages-at-once", w.Limits(65536, 65536), Reject}, {"more-than-all-pages", w.Limits(65537, 65537), Reject},
		{"half-the-pages", w.Limits(32768, 65536), Reject}, {"max-over-all", w.Limits(1, 65537), Reject}, {"max-2^32-1", w.Limits(1, 1<<32-1), Reject},
		{"max-below-min", w.Limits(2, 1), Reject}, {"no-max", w.Limits(1, -1), Reject}, {"shared", []byte{3, 1, 2}, Reject},
		{"memory64", []byte{4, 1}, Reject}, {"memory64-max", []byte{5, 1, 2}, Reject}, {"page-size", []byte{8, 1, 0}, Reject}, {"flags", []byte{0x7f, 1, 2}, Reject},
		{"most-pages-as-maximum", w.Limits(1, 65536), OK},
	} {
		c.load(Static, "memory/"+m.name, "a memory that is too large, or of another kind", func() []byte { return mem(m.limits) }, m.want)
	}
	table := func(limits []byte) []byte {
		return w.Codec(w.Edit(func(b *w.Builder) { b.TableRaw(w.Cat([]byte{w.FuncRef}, limits)) }))
	}
	for _, t := range []struct {
		name   string
		limits []byte
	}{
		{"2^27", w.Limits(1<<27, 1<<27)}, {"2^32-1", w.Limits(1<<32-1, 1<<32-1)}, {"2^20", w.Limits(1<<20, 1<<20)}, {"max-2^27", w.Limits(1, 1<<27)},
		{"max-2^32-1", w.Limits(0, 1<<32-1)}, {"no-max", w.Limits(1, -1)}, {"max-below-min", w.Limits(2, 1)}, {"shared", []byte{3, 1, 2}}, {"table64", []byte{5, 1, 2}},
	} {
		c.load(Static, "table/"+t.name, "a table that is too large, or without bound", func() []byte { return table(t.limits) }, Reject)
	}
}

// staticSegments has segments that lie outside what they are for, start functions, and indices of nothing.
func staticSegments(c *corpus) {
	for _, at := range []int64{65_535, 65_536, 1 << 20, 1<<31 - 1, -1, -2, -1 << 31} {
		c.load(Static, fmt.Sprintf("data-at/%d", at), "a data segment outside the memory",
			func() []byte { return w.Codec(w.Edit(func(b *w.Builder) { b.Data(int32(at), []byte("xy")) })) }, Reject)
		c.load(Static, fmt.Sprintf("elem-at/%d", at), "an element segment outside the table",
			func() []byte { return w.Codec(w.Edit(func(b *w.Builder) { b.Table(8, 8); b.Elem(int32(at), 0, 1) })) }, Reject)
	}
	for _, code := range []w.Code{{}, w.Code{}.Op(w.OpUnreachable), w.Code{}.Loop(w.Void).Br(0).End()} {
		c.load(Static, count("start", len(code)), "a start function, which would run before anybody can bound it",
			func() []byte { return w.Codec(w.Start(code)) }, Reject)
	}
	staticIndices(c)
}

// staticIndices names things that are not there, or that only an appended definition of the host would make be there.
func staticIndices(c *corpus) {
	uses := []struct {
		name string
		code func(i uint32) []byte
	}{
		{"call", func(i uint32) []byte { return w.Code{}.Call(i) }},
		{"global-get", func(i uint32) []byte { return w.Code{}.GlobalGet(i).Op(w.OpDrop) }},
		{"global-set-i64", func(i uint32) []byte { return w.Code{}.I64Const(1 << 60).GlobalSet(i) }},
		{"global-set-i32", func(i uint32) []byte { return w.Code{}.I32Const(1 << 30).GlobalSet(i) }},
		{"local-get", func(i uint32) []byte { return w.Code{}.LocalGet(i).Op(w.OpDrop) }},
		{"local-set-i64", func(i uint32) []byte { return w.Code{}.I64Const(1).LocalSet(i) }},
		{"br", func(i uint32) []byte { return w.Code{}.Br(i) }},
		{"br-if", func(i uint32) []byte { return w.Code{}.I32Const(1).BrIf(i) }},
		{"br-table", func(i uint32) []byte { return w.Cat([]byte{0x41, 0, 0x0e, 1, 0}, w.U32(i)) }},
		{"call-indirect-type", func(i uint32) []byte { return w.Code{}.I32Const(0).CallIndirect(i) }},
		{"ref-func", func(i uint32) []byte { return w.Cat([]byte{0xd2}, w.U32(i), []byte{w.OpDrop}) }},
		{"table-get", func(i uint32) []byte { return w.Cat([]byte{0x41, 0, 0x25}, w.U32(i), []byte{w.OpDrop}) }},
		{"elem-drop", func(i uint32) []byte { return w.Cat([]byte{0xfc, 13}, w.U32(i)) }},
		{"data-drop", func(i uint32) []byte { return w.Cat([]byte{0xfc, 9}, w.U32(i)) }},
		{"block-type", func(i uint32) []byte { return w.Cat([]byte{0x02}, w.S64(int64(i)), []byte{w.OpEnd}) }},
	}
	// The codec has 6 functions and the one under test, 1 global, 2 locals, 6 types. The first indices beyond are what a rewriter appends.
	first := map[string]uint32{
		"call": 7, "ref-func": 7, "global-get": 1, "global-set-i64": 1, "global-set-i32": 1, "local-get": 2, "local-set-i64": 2,
		"br": 1, "br-if": 1, "br-table": 1, "table-get": 1, "elem-drop": 0, "data-drop": 3, "call-indirect-type": 6, "block-type": 6,
	}
	for _, u := range uses {
		near := first[u.name]
		for _, i := range slices.Compact([]uint32{near, near + 1, near + 2, near + 3, near + 8, 1000, 1 << 20, 1<<31 - 1}) {
			c.load(Static, fmt.Sprintf("index/%s-%d", u.name, i), "an index of nothing", func() []byte {
				return w.Codec(w.Edit(func(b *w.Builder) {
					if u.name == "call-indirect-type" || u.name == "table-get" {
						b.Table(1, 1)
					}
					b.DataCount()
					b.FuncRaw(b.Type(nil, nil), w.Cat([]byte{1, 2, w.I32}, u.code(i), []byte{w.OpEnd}))
				}))
			}, Reject)
		}
	}
	for _, name := range []string{"iprt_meter", "iprt_meter.", "iprt_meterx", "iprt_meter.slice"} {
		c.load(Static, "reserved-import/"+name, "an import from the host's own namespace",
			func() []byte { return w.Codec(w.Import(name, "slice", []byte{w.I64}, []byte{w.I64})) }, Reject)
	}
	for _, name := range []string{"iprt_meter.fuel", "iprt_meter.depth", "iprt_meter.memory", "iprt_meter.g0", "iprt_meter", "iprt_meter\x00"} {
		c.load(Static, fmt.Sprintf("reserved-export/%q", name), "an export under the host's own prefix", func() []byte {
			return w.Codec(w.Edit(func(b *w.Builder) { b.Export(name, w.KindGlobal, b.Global(w.I64, true, w.Code{}.I64Const(1<<62))) }))
		}, Reject)
	}
}
