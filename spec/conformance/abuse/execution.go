package abuse

import (
	"bytes"
	"fmt"
	"time"

	w "github.com/iprt/iprt/internal/wasmtest"
)

// patience is the deadline of calls that would never end by themselves.
const patience = 250 * time.Millisecond

// stopped is what may come of a call that would not end: its time, its fuel or its depth was used up, or there was no room for it
// beside others of its kind.
var stopped = []Outcome{Limit}

// An ending leaves what the export that it stands in has to return; nobody gets there.
var endings = map[string]w.Code{
	"_initialize": {}, "iprt_init": w.Code{}.I32Const(0), "iprt_alloc": w.Code{}.I32Const(0), "iprt_error": w.Code{}.I32Const(0),
	"iprt_codec_v1_decode": w.Code{}.I64Const(1), "iprt_codec_v1_encode": w.Code{}.I64Const(1), "iprt_codec_v1_links": w.Code{}.I64Const(1),
}

// places lists the exports that a host calls, in the order in which it does.
var places = []string{"_initialize", "iprt_init", "iprt_error", "iprt_alloc", decode, "iprt_codec_v1_encode", "iprt_codec_v1_links"}

// in puts code into an export.
func in(export string, code w.Code) w.Option {
	body := w.Code(w.Cat(code, endings[export]))
	switch export {
	case "_initialize":
		return w.Initialize(body)
	case "iprt_init":
		return w.Init(body)
	}
	return w.Body(export, body)
}

// run loads a module with code in an export, and calls that export. What runs while the module starts ends its loading.
func run(export string, within time.Duration, want []Outcome, code w.Code, opts ...w.Option) []Step {
	wasm := w.Codec(append(opts, in(export, code))...)
	switch export {
	case "_initialize", "iprt_init", "iprt_error":
		return []Step{{Do: Load{Place: "it", Wasm: wasm, Grants: []string{log}}, Want: want, Within: within}}
	}
	name := map[string]string{"iprt_codec_v1_encode": "encode", "iprt_codec_v1_links": "links"}[export]
	if name == "" {
		name = "decode"
	}
	return []Step{
		{Do: Load{Place: "it", Wasm: wasm, Grants: []string{log}}, Want: []Outcome{OK}},
		{Do: Call{Place: "it", Export: name, Input: []byte("input")}, Want: want, Within: within},
	}
}

// loops are ways to go on for ever. Function 0 is an import that does nothing of note, function 1 is iprt_abi_v1, () -> ().
var loops = []struct {
	name string
	code w.Code
}{
	{"empty", w.Code{}.Loop(w.Void).Br(0).End()},
	{"conditional", w.Code{}.Loop(w.Void).I32Const(1).BrIf(0).End()},
	{"br-table", w.Code{}.Loop(w.Void).I32Const(7).Raw(0x0e, 1, 0, 0).End()},
	{"outer", w.Code{}.Loop(w.Void).Block(w.Void).Loop(w.Void).Br(2).End().End().End()},
	{"nested", w.Code{}.Loop(w.Void).Loop(w.Void).Loop(w.Void).Br(2).End().End().End()},
	{"calls", w.Code{}.Loop(w.Void).Call(1).Br(0).End()},
	{"host-calls", w.Code{}.Loop(w.Void).Call(0).Op(w.OpDrop).Br(0).End()},
	{"stores", w.Code{}.Loop(w.Void).I32Const(0).I32Const(1).Mem(w.OpI32Store, 2, 16).Br(0).End()},
	{"divisions", w.Code{}.Loop(w.Void).I64Const(9).I64Const(7).Raw(0x80, w.OpDrop).Br(0).End()},
	{"fills", w.Code{}.Loop(w.Void).I32Const(0).I32Const(0).I32Const(65_536).Raw(0xfc, 11, 0).Br(0).End()},
	{"copies", w.Code{}.Loop(w.Void).I32Const(0).I32Const(1).I32Const(65_535).Raw(0xfc, 10, 0, 0).Br(0).End()},
	{"grow-0", w.Code{}.Loop(w.Void).I32Const(0).MemoryGrow().Op(w.OpDrop).Br(0).End()},
	{"grow-fails", w.Code{}.Loop(w.Void).I32Const(60_000).MemoryGrow().Op(w.OpDrop).Br(0).End()},
	{"straight-fills", w.Code(w.Cat(openLoop, bytes.Repeat(w.Code{}.I32Const(0).I32Const(0).I32Const(65_536).Raw(0xfc, 11, 0), 1_000), []byte{0x0c, 0, w.OpEnd}))},
	{"table-fills", w.Code{}.Loop(w.Void).I32Const(0).RefNull(w.FuncRef).I32Const(65_536).Raw(0xfc, 17, 0).Br(0).End()},
	{"table-copies", w.Code{}.Loop(w.Void).I32Const(0).I32Const(1).I32Const(65_535).Raw(0xfc, 14, 0, 0).Br(0).End()},
	{"long-body", w.Code(w.Cat(openLoop, bytes.Repeat([]byte{0x41, 1, w.OpDrop}, 30_000), []byte{0x0c, 0, w.OpEnd}))},
}

// endless has code that does not end.
func endless(c *corpus) {
	yield := w.Import(wasi, "sched_yield", nil, i32)
	table := w.Edit(func(b *w.Builder) { b.Table(65_536, 65_536) })
	for _, l := range loops {
		for _, export := range places {
			c.add(Execution, "loop/"+l.name+"-in-"+export, "a loop without end",
				func() []Step { return run(export, patience, stopped, l.code, yield, table) })
		}
	}
	endlessHostCalls(c)
	for _, n := range []int{16, 64} {
		c.add(Execution, count("loop-at-once", n), "many loops without end beside each other, and honest calls between them", func() []Step {
			steps := []Step{loaded("it", nil, w.DecodeLoops()), loaded("good", nil)}
			spin := Step{Do: Call{Place: "it", Export: "decode", Input: []byte("x")}, Want: []Outcome{Limit, Error.Of("BUSY")}, Within: patience}
			calm := Step{Do: Call{Place: "good", Export: "decode", Input: []byte("x")}, Want: []Outcome{OK}, Within: patience, Times: 20}
			all := Together{Steps: []Step{calm}}
			for range n {
				all.Steps = append(all.Steps, spin)
			}
			return append(steps, Step{Do: all, Want: []Outcome{OK}})
		})
	}
	for _, fan := range []int{2, 3, 40} {
		c.add(Execution, count("call-tree", fan), "2^40 calls and more, without a loop", func() []Step { return callTree(fan) })
	}
	c.add(Execution, "many-deadlines", "a call that does not end, over and over", func() []Step {
		return []Step{loaded("it", nil, w.DecodeLoops()), {
			Do: Call{Place: "it", Export: "decode", Input: []byte("x")}, Want: []Outcome{Limit, Deny, Reject}, Within: 100 * time.Millisecond, Times: 12,
		}}
	})
}

// callTree has functions of which each calls the next a few times, 40 levels deep.
func callTree(fan int) []Step {
	wasm := w.Codec(w.Edit(func(b *w.Builder) {
		t := b.Type(nil, nil)
		last := b.FuncRaw(t, []byte{0, w.OpEnd})
		for range 40 {
			last = b.FuncRaw(t, w.Cat([]byte{0}, bytes.Repeat(w.Code{}.Call(last), fan), end))
		}
		if last != callTreeRoot {
			panic(fmt.Sprintf("the root of the call tree is function %d", last))
		}
	}), w.Body(decode, w.Code{}.Call(callTreeRoot).I64Const(1)))
	return []Step{
		{Do: Load{Place: "it", Wasm: wasm}, Want: []Outcome{OK}},
		{Do: Call{Place: "it", Export: "decode", Input: []byte("x")}, Want: stopped, Within: patience, Times: 2},
	}
}

// callTreeRoot is what [callTree] arrives at: the codec's own functions, the leaf, and 40 above it.
const callTreeRoot = 6 + 40

// recursions calls without ever returning.
func recursions(c *corpus) {
	depth := []Outcome{Limit.Of("depth")}
	for _, locals := range []uint32{0, 10, 100, 1_000, 2_000} {
		for _, how := range []string{"direct", "mutual", "indirect", "alloc", "operands"} {
			steps := func() []Step { return recursion(how, locals, depth) }
			c.add(Execution, fmt.Sprintf("recursion/%s-%d", how, locals), "recursion without end, with frames of many locals", steps)
		}
		c.add(Execution, count("recursion-at-once", int(locals)), "deep recursion, sixteen at once", func() []Step {
			steps := recursion("direct", locals, []Outcome{Limit.Of("depth"), Limit, Error.Of("BUSY")})
			steps[1].Times = 4
			var all Together
			for range 16 {
				all.Steps = append(all.Steps, steps[1])
			}
			return []Step{steps[0], {Do: all, Want: []Outcome{OK}}}
		})
	}
}

// recursion is a module whose decode, or iprt_alloc, never returns from calling itself.
func recursion(how string, locals uint32, want []Outcome) []Step {
	const first = 6 // the functions of the codec come before
	runs := w.Vec(append(w.U32(locals), w.I64))
	pad := w.Code{}
	if how == "operands" {
		pad = w.Code(bytes.Repeat([]byte{0x42, 1}, int(locals)))
	}
	wasm := w.Codec(w.Edit(func(b *w.Builder) {
		t := b.Type(nil, nil)
		next := uint32(first)
		switch how {
		case "mutual":
			next = first + 1
		case "indirect":
			b.Table(1, 1)
			b.Elem(0, first)
		}
		call := w.Code{}.Call(next)
		if how == "indirect" {
			call = w.Code{}.I32Const(0).CallIndirect(t)
		}
		code := w.Cat(runs, pad, call, bytes.Repeat([]byte{w.OpDrop}, len(pad)/2), end)
		b.FuncRaw(t, code)
		if how == "mutual" {
			b.FuncRaw(t, w.Cat(runs, w.Code{}.Call(first), end))
		}
	}), w.Body(map[bool]string{false: decode, true: alloc}[how == "alloc"], w.Code{}.Call(first).Op(w.OpUnreachable)))
	return []Step{
		{Do: Load{Place: "it", Wasm: wasm}, Want: []Outcome{OK}},
		{Do: Call{Place: "it", Export: "decode", Input: []byte("x")}, Want: want, Within: 2 * time.Second, Times: 2},
	}
}
