package abuse

import (
	"bytes"
	"encoding/binary"
	"fmt"

	w "github.com/iprt/iprt/internal/wasmtest"
)

// says is a module whose decode answers with one number: the i64 that read leaves on the stack. Before it answers it runs write.
func says(read, write w.Code, opts ...w.Option) []byte {
	const at = 20_480 // of a table of one record
	put := w.Edit(func(b *w.Builder) { b.Data(at, table(nil, record{kUint, 0, 0, 0})) })
	body := w.Code(w.Cat(w.Code{}.I32Const(at+32+8), read, w.Code{}.Mem(w.OpI64Store, 3, 0), write)).I64Const(at<<32 | 48)
	return w.Codec(append([]w.Option{put, w.Body(decode, body)}, opts...)...)
}

// said is the number in what such a module answered.
func said(table []byte) (uint64, error) {
	if len(table) != 48 {
		return 0, fmt.Errorf("the answer has %d bytes, not a table of one number", len(table))
	}
	return binary.LittleEndian.Uint64(table[40:]), nil
}

// expects is the check that a module said one number.
func expects(want uint64) func(Result) error {
	return func(r Result) error {
		got, err := said(r.Output)
		if err == nil && got != want {
			err = fmt.Errorf("the module said %#x, expected %#x", got, want)
		}
		return err
	}
}

// A channel is a place in an instance where one caller could leave something for the next: read finds it, write leaves it.
type channel struct {
	name        string
	read, write w.Code
	fresh       uint64 // what a new instance reads
	opts        []w.Option
}

// channels lists them. Global 0 is the codec's heap pointer; global 1 and table 0 are added by options.
func channels() []channel {
	global := func(typ byte, init w.Code) w.Option { return w.Edit(func(b *w.Builder) { b.Global(typ, true, init) }) }
	table := w.Edit(func(b *w.Builder) { b.Table(4, 100); b.Elem(0, 1) })
	passive := w.Edit(func(b *w.Builder) { b.DataCount(); b.DataRaw(w.Cat([]byte{1}, w.Name("passive data"))) })
	elems := w.Edit(func(b *w.Builder) { b.Table(4, 100); b.ElemRaw([]byte{1, 0, 2, 1, 1}) })
	wide := func(c w.Code) w.Code { return c.Op(w.OpI64ExtendI32U) }
	secret := int64(0x5ec7e7)
	return []channel{
		{"memory", w.Code{}.I32Const(64).Mem(w.OpI64Load, 3, 0), w.Code{}.I32Const(64).I64Const(secret).Mem(w.OpI64Store, 3, 0), 0, nil},
		{"memory-last-page", w.Code{}.I32Const(page-8).Mem(w.OpI64Load, 3, 0), w.Code{}.I32Const(page-8).I64Const(secret).Mem(w.OpI64Store, 3, 0), 0, nil},
		{"data-segment", wide(w.Code{}.I32Const(20_480+24).Mem(w.OpI32Load8U, 0, 0)), w.Code{}.I32Const(20_480+24).I32Const(9).Mem(w.OpI32Store8, 0, 0), 0, nil},
		{"global-i32", wide(w.Code{}.GlobalGet(1)), w.Code{}.I32Const(77).GlobalSet(1), 5, []w.Option{global(w.I32, w.Code{}.I32Const(5))}},
		{"global-i64", w.Code{}.GlobalGet(1), w.Code{}.I64Const(secret).GlobalSet(1), 1 << 40, []w.Option{global(w.I64, w.Code{}.I64Const(1<<40))}},
		{"global-f32", wide(w.Code{}.GlobalGet(1).Op(0xbc)), w.Code{}.Raw(0x43, 1, 2, 3, 4).GlobalSet(1), 0x40490fdb, []w.Option{global(w.F32, w.Code{}.Raw(0x43, 0xdb, 0x0f, 0x49, 0x40))}},
		{"global-f64", w.Code{}.GlobalGet(1).Op(0xbd), w.Code{}.Raw(0x44, 1, 2, 3, 4, 5, 6, 7, 8).GlobalSet(1), 0, []w.Option{global(w.F64, w.Code{}.Raw(0x44, 0, 0, 0, 0, 0, 0, 0, 0))}},
		{"heap-pointer", wide(w.Code{}.GlobalGet(0).Op(w.OpI32Eqz)), w.Code{}.I32Const(0).GlobalSet(0), 0, nil},
		{"memory-size", wide(w.Code{}.MemorySize()), w.Code{}.I32Const(1).MemoryGrow().Op(w.OpDrop), 1, nil},
		{"grown-memory", w.Code{}.I32Const(3).MemoryGrow().Op(w.OpDrop).I32Const(2*page).Mem(w.OpI64Load, 3, 0), w.Code{}.I32Const(2*page).I64Const(secret).Mem(w.OpI64Store, 3, 0), 0, nil},
		{"table-size", wide(w.Code{}.Raw(0xfc, 16, 0)), w.Code{}.RefNull(w.FuncRef).I32Const(1).TableGrow().Op(w.OpDrop), 4, []w.Option{table}},
		{"table-set", wide(w.Code{}.I32Const(2).Raw(0x25, 0, 0xd1)), w.Code{}.I32Const(2).I32Const(0).Raw(0x25, 0, 0x26, 0), 1, []w.Option{table}},
		{"table-clear", wide(w.Code{}.I32Const(0).Raw(0x25, 0, 0xd1)), w.Code{}.I32Const(0).RefNull(w.FuncRef).Raw(0x26, 0), 0, []w.Option{table}},
		{"table-fill", wide(w.Code{}.I32Const(3).Raw(0x25, 0, 0xd1)), w.Code{}.I32Const(1).I32Const(0).Raw(0x25, 0).I32Const(3).Raw(0xfc, 17, 0), 1, []w.Option{table}},
		{"table-copy", wide(w.Code{}.I32Const(3).Raw(0x25, 0, 0xd1)), w.Code{}.I32Const(3).I32Const(0).I32Const(1).Raw(0xfc, 14, 0, 0), 1, []w.Option{table}},
		{"table-init", wide(w.Code{}.I32Const(3).Raw(0x25, 0, 0xd1)), w.Code{}.I32Const(3).I32Const(0).I32Const(1).Raw(0xfc, 12, 0, 0), 1, []w.Option{elems}},
		{"global-funcref", wide(w.Code{}.GlobalGet(1).Raw(0xd1)), w.Code{}.I32Const(0).Raw(0x25, 0).GlobalSet(1), 1, []w.Option{table, global(w.FuncRef, w.Code{}.RefNull(w.FuncRef))}},
		// A dropped segment shows in that copying from it traps; reading it is what the first call of each caller does.
		{"data-drop", wide(w.Code{}.I32Const(30_000).I32Const(0).I32Const(4).Raw(0xfc, 8, 4, 0).I32Const(30_000).Mem(w.OpI32Load8U, 0, 0)), w.Code{}.Raw(0xfc, 9, 4), 'p', []w.Option{passive}},
		{"elem-drop", wide(w.Code{}.I32Const(1).I32Const(0).I32Const(1).Raw(0xfc, 12, 0, 0).I32Const(1).Raw(0x25, 0, 0xd1)), w.Code{}.Raw(0xfc, 13, 0), 0, []w.Option{elems}},
		{"random", wide(w.Code{}.I32Const(96).I32Const(4).Call(0).Op(w.OpDrop).I32Const(96).Mem(w.OpI32Load, 2, 0)), w.Code{}, asFirst, []w.Option{w.Import(wasi, "random_get", i32s(2), i32)}},
		{"clock", w.Code{}.I32Const(1).I64Const(0).I32Const(96).Call(0).Op(w.OpDrop).I32Const(96).Mem(w.OpI64Load, 3, 0), w.Code{}, asFirst, []w.Option{w.Import(wasi, "clock_time_get", []byte{w.I32, w.I64, w.I32}, i32)}},
		{"descriptors", wide(w.Code{}.I32Const(2).Call(0)), w.Code{}, asFirst, []w.Option{w.Import(wasi, "fd_close", i32, i32)}},
	}
}

// asFirst stands for whatever the first caller was told.
const asFirst = 1<<64 - 1

// smuggling has guests that leave something of one caller for the next one, by every way that an instance has.
func smuggling(c *corpus) {
	for _, ch := range channels() {
		for _, callers := range []int{2, 5} {
			c.add(Determinism, fmt.Sprintf("smuggle/%s-%d", ch.name, callers), "leaving something in an instance for the next caller", func() []Step {
				same := expects(ch.fresh)
				if ch.fresh == asFirst {
					same = sameEveryTime()
				}
				steps := []Step{{Do: Load{Place: "it", Wasm: says(ch.read, ch.write, ch.opts...)}, Want: []Outcome{OK}}}
				for i := range callers {
					call := Call{Place: "it", Export: "decode", Input: []byte("input"), Domain: fmt.Sprint("caller ", i)}
					steps = append(steps, Step{Do: call, Want: []Outcome{OK}, Check: same})
				}
				return steps
			})
		}
	}
}

// sameEveryTime is the check that all outputs are alike.
func sameEveryTime() func(Result) error {
	var first []byte
	return func(r Result) error {
		if first == nil {
			first = bytes.Clone(r.Output)
		}
		return exactly(first)(r)
	}
}

// reuse has answers that could depend on what an instance did before, or on what the machine has left.
func reuse(c *corpus) {
	for _, max := range []int64{16, 1_024, 4_096, 65_536} {
		for _, by := range []int32{16, 1_023, 1_024, 2_000, 65_535} {
			c.add(Determinism, fmt.Sprintf("grow-answer/%d-of-%d", by, max), "a memory.grow whose answer depends on the machine", func() []Step {
				read := w.Code{}.I32Const(by).MemoryGrow().Op(w.OpI64ExtendI32U)
				check := sameEveryTime()
				steps := []Step{{Do: Load{Place: "it", Wasm: says(read, nil, w.Memory(1, max))}, Want: []Outcome{OK}}}
				for i := range 4 {
					call := Call{Place: "it", Export: "decode", Input: []byte("input"), Domain: fmt.Sprint("caller ", i)}
					steps = append(steps, Step{Do: call, Want: []Outcome{OK, Limit}, Check: check})
				}
				return steps
			})
		}
	}
}
