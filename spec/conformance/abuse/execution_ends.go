package abuse

import (
	"fmt"
	"strings"

	w "github.com/iprt/iprt/internal/wasmtest"
)

// answer is what a decode of the corpus returns that has done its work: four bytes of memory.
const answer = 16<<32 | 4

// growth takes memory and table space: as fast as it can, as much as it can, and a little with every call.
func growth(c *corpus) {
	for _, pages := range []int32{1, 16, 255, 1_000, 65_535} {
		for _, max := range []int64{16, 1_024, 65_536} {
			name := fmt.Sprintf("grow/by-%d-of-%d", pages, max)
			c.add(Execution, name, "memory.grow until it fails", func() []Step {
				// grow, and write to the new page; ends when grow fails.
				code := w.Code{}.Block(w.Void).Loop(w.Void).I32Const(pages).MemoryGrow().I32Const(-1).Op(w.OpI32Eq).BrIf(1).
					MemorySize().I32Const(16).Op(w.OpI32Shl).I32Const(8).Op(w.OpI32Sub).I32Const(1).Mem(w.OpI32Store, 2, 0).
					Br(0).End().End().I64Const(answer)
				return []Step{
					loaded("it", nil, w.Memory(1, max), w.Body(decode, code)),
					{Do: Call{Place: "it", Export: "decode", Input: []byte("x")}, Want: []Outcome{OK, Limit}, Times: 3},
				}
			})
		}
		c.add(Execution, count("grow-for-ever", int(pages)), "memory.grow in a loop without end", func() []Step {
			code := w.Code{}.Loop(w.Void).I32Const(pages).MemoryGrow().Op(w.OpDrop).Br(0).End()
			return run(decode, patience, stopped, code, w.Memory(1, 65_536))
		})
	}
	for _, n := range []int32{1, 1 << 10, 1 << 16, 1 << 28, -1} {
		c.add(Execution, fmt.Sprintf("table-grow/%d", n), "table.grow in a loop without end", func() []Step {
			table := w.Edit(func(b *w.Builder) { b.Table(1, 65_536) })
			code := w.Code{}.Loop(w.Void).RefNull(w.FuncRef).I32Const(n).TableGrow().Op(w.OpDrop).Br(0).End()
			return run(decode, patience, stopped, code, table)
		})
		c.add(Execution, fmt.Sprintf("table-grow-once/%d", n), "a table that grows beyond what a host can spare", func() []Step {
			table := w.Edit(func(b *w.Builder) { b.Table(1, 65_536) })
			code := w.Code{}.RefNull(w.FuncRef).I32Const(n).TableGrow().Op(w.OpDrop).I64Const(answer)
			return []Step{loaded("it", nil, table, w.Body(decode, code)), {
				Do: Call{Place: "it", Export: "decode"}, Want: []Outcome{OK, Limit}, Times: 3,
			}}
		})
	}
	for _, pages := range []int32{1, 7, 100} {
		c.add(Execution, count("leak", int(pages)), "a few pages lost with every call", func() []Step {
			code := w.Code{}.I32Const(pages).MemoryGrow().I32Const(-1).Op(w.OpI32Eq).If(w.Void).Op(w.OpUnreachable).End().I64Const(answer)
			return []Step{loaded("it", nil, w.Memory(1, 65_536), w.Body(decode, code)), {
				Do: Call{Place: "it", Export: "decode", Input: []byte("x")}, Want: []Outcome{OK, Trap, Limit}, Times: 1_500,
			}}
		})
	}
	c.add(Execution, "grow-at-once", "memory up to the limit in sixteen calls at once", func() []Step {
		code := w.Code{}.I32Const(1_022).MemoryGrow().Op(w.OpDrop).
			I32Const(0).I32Const(1).MemorySize().I32Const(16).Op(w.OpI32Shl).Raw(0xfc, 11, 0).I64Const(answer)
		call := Step{Do: Call{Place: "it", Export: "decode"}, Want: []Outcome{OK, Limit, Trap, Error.Of("BUSY")}}
		var all Together
		for range 16 {
			all.Steps = append(all.Steps, call)
		}
		return []Step{loaded("it", nil, w.Memory(1, 1_024), w.Body(decode, code)), {Do: all, Want: []Outcome{OK}}}
	})
}

// traps has every way to end out of order, in every export.
func traps(c *corpus) {
	f32 := func(bits ...byte) w.Code { return w.Code(append([]byte{0x43}, bits...)) }
	nan, huge := f32(0, 0, 0xc0, 0x7f), f32(0, 0, 0x80, 0x7f)
	for _, t := range []struct {
		name, kind string
		code       w.Code
	}{
		{"unreachable", "unreachable", w.Code{}.Op(w.OpUnreachable)},
		{"i32-div-0", "divide-by-zero", w.Code{}.I32Const(1).I32Const(0).Op(w.OpI32DivU, w.OpDrop)},
		{"i64-rem-0", "divide-by-zero", w.Code{}.I64Const(1).I64Const(0).Op(0x81, w.OpDrop)},
		{"i32-div-overflow", "", w.Code{}.I32Const(-1<<31).I32Const(-1).Op(0x6d, w.OpDrop)},
		{"trunc-nan", "", w.Code(w.Cat(nan, []byte{0xa8, w.OpDrop}))},
		{"trunc-inf", "", w.Code(w.Cat(huge, []byte{0xae, w.OpDrop}))},
		{"load-end", "memory-bounds", w.Code{}.I32Const(-1).Mem(w.OpI32Load8U, 0, 0).Op(w.OpDrop)},
		{"load-offset", "memory-bounds", w.Code{}.I32Const(0).Mem(w.OpI32Load8U, 0, 1<<32-1).Op(w.OpDrop)},
		{"load-wraps", "memory-bounds", w.Code{}.I32Const(-1).Mem(w.OpI64Load, 3, 1<<32-1).Op(w.OpDrop)},
		{"load-across", "memory-bounds", w.Code{}.I32Const(16<<16-7).Mem(w.OpI64Load, 0, 0).Op(w.OpDrop)},
		{"store-end", "memory-bounds", w.Code{}.I32Const(-4).I32Const(1).Mem(w.OpI32Store, 2, 0)},
		{"fill-end", "memory-bounds", w.Code{}.I32Const(0).I32Const(0).I32Const(-1).Raw(0xfc, 11, 0)},
		{"copy-end", "memory-bounds", w.Code{}.I32Const(-16).I32Const(0).I32Const(17).Raw(0xfc, 10, 0, 0)},
		{"init-end", "memory-bounds", w.Code{}.I32Const(0).I32Const(0).I32Const(1<<20).Raw(0xfc, 8, 0, 0)},
		{"indirect-null", "", w.Code{}.I32Const(3).CallIndirect(0)},
		{"indirect-outside", "", w.Code{}.I32Const(-1).CallIndirect(0)},
		{"indirect-type", "", w.Code{}.I32Const(0).I32Const(0).CallIndirect(1).Op(w.OpDrop)},
		{"table-get", "", w.Code{}.I32Const(99).Raw(0x25, 0, w.OpDrop)},
		{"table-set", "", w.Code{}.I32Const(-1).RefNull(w.FuncRef).Raw(0x26, 0)},
		{"table-fill", "", w.Code{}.I32Const(1).RefNull(w.FuncRef).I32Const(-1).Raw(0xfc, 17, 0)},
		{"table-copy", "", w.Code{}.I32Const(0).I32Const(2).I32Const(3).Raw(0xfc, 14, 0, 0)},
	} {
		want := []Outcome{Trap}
		switch {
		case strings.HasPrefix(t.name, "fill"), strings.HasPrefix(t.name, "table-fill"):
			want = append(want, Limit.Of("fuel")) // such a length costs more than there is
		case t.kind != "":
			want = []Outcome{Trap.Of(t.kind)}
		}
		table := w.Edit(func(b *w.Builder) { b.Table(4, 4); b.Elem(0, 0); b.DataCount() })
		for _, export := range places {
			c.add(Execution, "trap/"+t.name+"-in-"+export, "a trap", func() []Step { return run(export, 0, want, t.code, table) })
		}
	}
	c.add(Execution, "trap-every-second", "a trap with every second call", func() []Step {
		// A cell that role calls do not reset says whether this instance was called before.
		code := w.Code{}.I32Const(16).Mem(w.OpI32Load, 2, 0).If(w.Void).Op(w.OpUnreachable).End().
			I32Const(16).I32Const(1).Mem(w.OpI32Store, 2, 0).I64Const(answer)
		return []Step{loaded("it", nil, w.Body(decode, code)), {
			Do: Call{Place: "it", Export: "decode"}, Want: []Outcome{OK, Trap, Deny, Limit}, Times: 200,
		}}
	})
	for _, code := range []int32{0, 1, 255, -1} {
		c.add(Execution, fmt.Sprintf("exit/%d", code), "a module that leaves through proc_exit", func() []Step {
			return run(decode, 0, []Outcome{Trap.Of("exit")}, w.Code{}.I32Const(code).Call(0), w.Import(wasi, "proc_exit", i32, nil))
		})
	}
}
