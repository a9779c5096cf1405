package abuse

import (
	"fmt"

	w "github.com/iprt/iprt/internal/wasmtest"
)

// shapes has modules of good form that do not keep to the ABI, or ask for what they are not given.
func shapes(c *corpus) {
	bad := func(name string, opts ...w.Option) {
		c.codec(Shape, name, "a module that does not keep to the ABI", Reject, opts...)
	}
	required := []string{"memory", "iprt_abi_v1", "iprt_alloc", "iprt_error", "iprt_codec_v1_decode", "iprt_codec_v1_encode", "iprt_codec_v1_links"}
	for _, e := range required {
		bad("without/"+e, w.Without(e))
		if e != "memory" {
			bad("wrong-type/"+e, w.WrongSignature(e))
			bad("wrong-kind/"+e, w.Without(e), w.Edit(func(b *w.Builder) { b.Export(e, w.KindMemory, 0) }))
			bad("global-instead/"+e, w.Without(e), w.Edit(func(b *w.Builder) { b.Export(e, w.KindGlobal, 0) }))
		}
		bad("twice/"+e, w.Edit(func(b *w.Builder) { b.Export(e, w.KindFunc, 0) }))
	}
	bad("wrong-kind/memory", w.Without("memory"), w.ExtraExport("memory", nil, nil))
	for _, v := range []string{"0", "2", "10", "1x", "", "\x1b[2J", "1\x00"} {
		bad(fmt.Sprintf("marker-version/%q", v), w.Without("iprt_abi_v1"), w.ExtraExport("iprt_abi_v"+v, nil, nil))
		bad(fmt.Sprintf("two-markers/%q", v), w.ExtraExport("iprt_abi_v"+v, nil, nil))
	}
	for _, t := range []struct {
		name            string
		params, results []byte
	}{{"i64", []byte{w.I64}, i32}, {"none", nil, nil}, {"two-results", i32, i32s(2)}, {"funcref", []byte{w.FuncRef}, i32}, {"externref", i32, []byte{w.ExternRef}}, {"v128", []byte{w.V128}, i32}} {
		bad("alloc-type/"+t.name, w.Without(alloc), w.ExtraExport(alloc, t.params, t.results))
		bad("init-type/"+t.name, w.ExtraExport("iprt_init", t.params, t.results))
		bad("decode-type/"+t.name, w.Without(decode), w.ExtraExport(decode, t.params, t.results))
	}
	for _, name := range []string{"iprt_", "iprt_codec_v1_explode", "iprt_codec_v2_decode", "iprt_transport_v1_step", "iprt_allocate"} {
		bad("reserved-name/"+name, w.ExtraExport(name, nil, nil))
	}
	shapeImports(c)
}

// shapeImports has imports of strangers, of wrong types and kinds, and those that nobody granted.
func shapeImports(c *corpus) {
	bad := func(name string, opts ...w.Option) {
		c.codec(Shape, "import/"+name, "an import of something that the host does not offer", Reject, opts...)
	}
	for _, m := range []string{"env", "", "wasi_unstable", "wasi:cli/run", "iprt", "iprt:core/v2", "iprt:core/v1 ", "IPRT:core/v1", "gojs", "\x1b[31m"} {
		bad(fmt.Sprintf("namespace-%q", m), w.Import(m, "f", nil, nil))
	}
	bad("not-listed", w.Import(log, "write", i32s(3), i32))
	for _, wrong := range []string{"read", "", "write ", "Write", "abort"} {
		bad(fmt.Sprintf("call-%q", wrong), w.Requires(log), w.Import(log, wrong, i32s(3), i32))
	}
	for n := range 6 {
		if n != 3 {
			bad(count("params", n), w.Requires(log), w.Import(log, "write", i32s(n), i32))
			bad(count("wasi-params", n), w.Import(wasi, "proc_exit", i32s(n+2), nil))
		}
	}
	bad("result-i64", w.Requires(log), w.Import(log, "write", i32s(3), []byte{w.I64}))
	bad("no-result", w.Requires(log), w.Import(log, "write", i32s(3), nil))
	bad("funcref", w.Requires(log), w.Import(log, "write", []byte{w.FuncRef, w.I32, w.I32}, i32))
	bad("wasi-unknown", w.Import(wasi, "fork", nil, i32))
	for _, k := range []struct {
		name string
		kind byte
		desc []byte
	}{
		{"table", w.KindTable, w.Cat([]byte{w.FuncRef}, w.Limits(1, 1))}, {"global", w.KindGlobal, []byte{w.I32, 0}},
		{"mutable-global", w.KindGlobal, []byte{w.I64, 1}}, {"tag", 4, []byte{0, 0}}, {"unknown-kind", 9, []byte{0}},
	} {
		for _, m := range []string{"env", core, wasi} {
			bad("kind-"+k.name+"-from-"+m, w.Requires(core), w.Edit(func(b *w.Builder) { b.Import(m, "x", k.kind, k.desc) }))
		}
	}
	bad("memory", w.Edit(func(b *w.Builder) { b.DropMemory(); b.Import("env", "memory", w.KindMemory, w.Limits(1, 16)) }))
	bad("second-memory", w.Edit(func(b *w.Builder) { b.Import("env", "memory", w.KindMemory, w.Limits(1, 16)) }))
	for _, i := range []struct{ iface, call string }{{log, "write"}, {config, "get"}} {
		params := map[string]int{log: 3, config: 4}[i.iface]
		imp := w.Import(i.iface, i.call, i32s(params), i32)
		c.codec(Shape, "grant/"+i.iface, "a codec that needs what nobody granted", Deny, w.Requires(i.iface), imp)
		c.codec(Shape, "grant/optional-"+i.iface, "a codec that can do without what nobody granted", OK, w.Optional(i.iface), imp)
	}
	c.codec(Shape, "grant/network", "a codec that needs the network, of a host that may not have it", Reject,
		w.Requires("iprt:net/v1"), w.Import("iprt:net/v1", "dial", i32s(2), i32))
}
