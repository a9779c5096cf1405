package abuse

import (
	"bytes"
	"fmt"

	w "github.com/iprt/iprt/internal/wasmtest"
)

// A crossing is code that a compiler splits into blocks, and that is put under values which are alive in all of them.
type crossing struct {
	name string
	code func(n int) []byte // n of it; it may read local 0
}

var crossings = []crossing{
	{"ifs", func(n int) []byte { return bytes.Repeat([]byte{0x20, 0, 0x04, w.Void, w.OpEnd}, n) }},
	{"blocks", func(n int) []byte { return bytes.Repeat(w.Cat(openBlock, end), n) }},
	{"loops", func(n int) []byte { return bytes.Repeat(w.Cat(openLoop, []byte{0x20, 0, 0x0d, 0}, end), n) }},
	{"br-ifs", func(n int) []byte { return w.Cat(openBlock, bytes.Repeat([]byte{0x20, 0, 0x0d, 0}, n), end) }},
	{"nested-loops", func(n int) []byte { return bytes.Repeat(nest(10, openLoop, nil), n/10) }},
	{"br-table-to-blocks", func(n int) []byte {
		code := w.Cat([]byte{0x20, 0, 0x0e}, w.U32(uint32(n-1)))
		for i := range n {
			code = append(code, w.U32(uint32(i))...)
		}
		return nest(n, openBlock, code)
	}},
	{"br-tables", func(n int) []byte {
		table := w.Cat([]byte{0x20, 0, 0x0e}, w.U32(uint32(n/10-1)), make([]byte, n/10))
		return bytes.Repeat(nest(1, openBlock, table), 10)
	}},
}

// staticStacks has values that live across many blocks: on the operand stack, where they weigh three bytes each, and in locals. What
// a compiler keeps is the product of both numbers.
func staticStacks(c *corpus) {
	either := []Outcome{OK, Reject, Limit}
	for _, x := range crossings {
		for _, size := range []struct{ functions, values, blocks int }{{1, 500, 500}, {1, 2_000, 2_000}, {1, 12_000, 3_000}, {11, 4_000, 2_000}, {40, 300, 300}} {
			name := fmt.Sprintf("kept-operands/%d-over-%d-%s-in-%d", size.values, size.blocks, x.name, size.functions)
			c.load(Static, name, "operands that stay on the stack over many blocks", func() []byte {
				push := bytes.Repeat([]byte{0x20, 0, 0x41, 1, w.OpI32Add}, size.values)
				add := bytes.Repeat([]byte{w.OpI32Add}, size.values-1)
				use := w.Code{}.GlobalSet(0) // what is dropped is not kept
				return bomb{functions: size.functions, locals: 1, code: w.Cat(push, x.code(size.blocks), add, use)}.wasm()
			}, either...)
		}
		for _, locals := range []int{300, 1_500} {
			c.load(Static, fmt.Sprintf("kept-locals/%d-over-2000-%s", locals, x.name), "locals that stay alive over many blocks", func() []byte {
				var set, use []byte
				for i := range uint32(locals) {
					set = append(set, w.Code{}.LocalGet(0).I32Const(int32(i)).Op(w.OpI32Add).LocalSet(i)...)
					use = append(use, w.Code{}.LocalGet(i).GlobalSet(0)...)
				}
				return bomb{functions: 1, locals: uint32(locals), code: w.Cat(set, x.code(2_000), use)}.wasm()
			}, either...)
		}
	}
}
