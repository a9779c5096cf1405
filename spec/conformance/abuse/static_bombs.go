package abuse

import (
	"bytes"
	"fmt"

	w "github.com/iprt/iprt/internal/wasmtest"
)

// A bomb is code that is short to write, legal, and dear to compile. A host may take it or refuse it, as long as that is soon over.
type bomb struct {
	name      string
	functions int
	locals    uint32 // i32 ones
	code      []byte // of each function
	want      []Outcome
}

func (b bomb) wasm() []byte {
	return w.Codec(w.Edit(func(m *w.Builder) {
		body := w.Cat(w.Vec(append(w.U32(b.locals), w.I32)), b.code, []byte{w.OpEnd})
		t := m.Type(nil, nil)
		for range b.functions {
			m.FuncRaw(t, body)
		}
	}))
}

// nest is code inside n constructs.
func nest(n int, open, code []byte) []byte {
	return w.Cat(bytes.Repeat(open, n), code, bytes.Repeat([]byte{w.OpEnd}, n))
}

var (
	openBlock = []byte{0x02, w.Void}
	openLoop  = []byte{0x03, w.Void}
	openIf    = []byte{0x41, 1, 0x04, w.Void}
	end       = []byte{w.OpEnd}
)

// staticBombs has what kills compilers: length, nesting, and products of things that are each within their limits.
func staticBombs(c *corpus) {
	refused, either := []Outcome{Reject}, []Outcome{OK, Reject, Limit}
	allLocals := func(n int) (code []byte) { // keeps n locals alive
		for i := range n {
			code = append(code, w.Code{}.LocalGet(uint32(i)).I32Const(1).Op(w.OpI32Add).LocalSet(uint32(i))...)
		}
		return code
	}
	bombs := []bomb{
		{"straight-nop", 1, 0, bytes.Repeat([]byte{w.OpNop}, 3<<20), refused},
		{"straight-const", 1, 0, bytes.Repeat([]byte{0x41, 0, w.OpDrop}, 1<<20), refused},
		{"straight-add", 1, 1, bytes.Repeat([]byte{0x20, 0, 0x41, 1, w.OpI32Add, 0x21, 0}, 1<<19), refused},
		{"operands", 1, 0, w.Cat(bytes.Repeat([]byte{0x41, 0}, 60_000), bytes.Repeat([]byte{w.OpDrop}, 60_000)), refused},
		{"nested-blocks-100000", 1, 0, nest(100_000, openBlock, nil), refused},
		{"nested-blocks-5000", 1, 0, nest(5_000, openBlock, nil), refused},
		{"nested-ifs-50000", 1, 0, nest(50_000, openIf, nil), refused},
		{"nested-ifs-4000", 1, 0, nest(4_000, openIf, nil), refused},
		{"nested-loops-20000", 1, 0, nest(20_000, openLoop, nil), refused},
		{"nested-loops-300-locals-300", 1, 300, nest(300, openLoop, allLocals(300)), refused},
		{"nested-loops-17", 1, 0, nest(17, openLoop, nil), refused},
		{"nested-mixed", 1, 0, nest(3_000, w.Cat(openBlock, openIf, openLoop), nil), refused},

		{"nested-blocks-2000", 1, 0, nest(2_000, openBlock, nil), either},
		{"nested-loops-16-locals-1900", 1, 1_900, nest(16, openLoop, allLocals(1_900)), either},
		{"nested-loops-16-in-100", 100, 500, nest(16, openLoop, allLocals(500)), either},
		{"loops-40000", 1, 0, bytes.Repeat(w.Cat(openLoop, end), 40_000), either},
		{"loops-2000-locals-2000", 1, 2_000, bytes.Repeat(w.Cat(openLoop, []byte{0x20, 0, 0x21, 1}, end), 2_000), either},
		{"ifs-24000", 1, 0, bytes.Repeat(w.Cat(openIf, end), 24_000), either},
		{"blocks-40000", 1, 0, bytes.Repeat(w.Cat(openBlock, end), 40_000), either},
		{"br-ifs-30000", 1, 0, w.Cat(openBlock, bytes.Repeat([]byte{0x41, 0, 0x0d, 0}, 30_000), end), either},
		{"calls-30000", 1, 0, bytes.Repeat([]byte{0x41, 1, 0x10, 1, w.OpDrop}, 26_000), either},
		{"loads-20000", 1, 0, bytes.Repeat([]byte{0x41, 0, 0x28, 2, 0, w.OpDrop}, 21_000), either},
		{"divisions-20000", 1, 1, bytes.Repeat([]byte{0x20, 0, 0x20, 0, 0x6d, 0x21, 0}, 18_000), either},
		{"truncations-20000", 1, 1, bytes.Repeat([]byte{0x43, 0, 0, 0, 0, 0xa8, 0x21, 0}, 16_000), either},
		{"memory-fills-10000", 1, 0, bytes.Repeat([]byte{0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 11, 0}, 10_000), either},
		{"memory-grows-10000", 1, 0, bytes.Repeat([]byte{0x41, 0, 0x40, 0, w.OpDrop}, 20_000), either},
		{"br-tables-wide", 1, 0, w.Cat(openBlock, []byte{0x41, 0, 0x0e}, repeat(4_096, 0), []byte{0}, end), either},
		{"br-tables-100-wide", 1, 0, bytes.Repeat(w.Cat(openBlock, []byte{0x41, 0, 0x0e}, repeat(1_000, 0), []byte{0}, end), 100), either},
		{"br-table-huge", 1, 0, w.Cat(openBlock, []byte{0x41, 0, 0x0e}, repeat(100_000, 0), []byte{0}, end), refused},
		{"selects", 1, 1, bytes.Repeat([]byte{0x20, 0, 0x41, 0, 0x41, 0, w.OpSelect, 0x21, 0}, 14_000), either},
		{"locals-alive", 10, 2_000, w.Cat(allLocals(2_000), bytes.Repeat(w.Cat(openIf, allLocals(50), end), 30)), either},
	}
	for _, n := range []int{60, 1_000, 15_000} { // many small ones that sum up
		bombs = append(bombs, bomb{count("small", n), n, 30, w.Cat(bytes.Repeat(w.Cat(openLoop, openIf, end, end), 30)), either})
	}
	for _, b := range bombs {
		c.load(Static, "bomb/"+b.name, "code that is dear to compile", b.wasm, b.want...)
	}
	for _, n := range []int{31, 33, 1_000} {
		want := Reject
		if n <= 32 {
			want = OK
		}
		c.load(Static, count("bomb/params", n), "functions and blocks of many parameters", func() []byte {
			return w.Codec(w.Edit(func(b *w.Builder) {
				b.FuncRaw(b.Type(i32s(n), nil), []byte{0, w.OpEnd})
			}))
		}, want)
	}
	for _, n := range []int{100, 4_000} {
		c.load(Static, fmt.Sprintf("bomb/block-params-%d", n), "blocks that pass 16 values on, many times over", func() []byte {
			return w.Codec(w.Edit(func(b *w.Builder) {
				t := w.S64(int64(b.Type(i32s(16), i32s(16))))
				code := w.Cat(bytes.Repeat([]byte{0x41, 0}, 16), bytes.Repeat(w.Cat([]byte{0x02}, t, end), n), bytes.Repeat([]byte{w.OpDrop}, 16))
				b.FuncRaw(b.Type(nil, nil), w.Cat([]byte{0}, code, end))
			}))
		}, either...)
	}
}
