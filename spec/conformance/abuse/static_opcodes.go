package abuse

import (
	"fmt"

	w "github.com/iprt/iprt/internal/wasmtest"
)

// staticOpcodes has instructions of proposals that no host of ours takes, or that nobody defined, and code that does not type-check.
func staticOpcodes(c *corpus) {
	bad := func(name string, code ...byte) {
		c.load(Static, "opcode/"+name, "an instruction that is not of core WebAssembly 2.0, or code that makes no sense", func() []byte { return withFunc(code...) }, Reject)
	}
	for _, op := range []byte{0x06, 0x07, 0x08, 0x09, 0x0a, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1d, 0x1e, 0x1f, 0x27, 0xc5, 0xc6, 0xcf, 0xd3, 0xd4, 0xd5, 0xd6, 0xdf, 0xe0, 0xfa, 0xfb, 0xfe, 0xff} {
		bad(fmt.Sprintf("%#x", op), op)
		bad(fmt.Sprintf("%#x-operands", op), 0x41, 0, 0x41, 0, op, 0, 0)
		bad(fmt.Sprintf("%#x-dead", op), w.OpUnreachable, op, 0, 0)
	}
	for _, sub := range []uint32{18, 19, 31, 127, 128, 1 << 20, 1<<32 - 1} {
		bad(fmt.Sprintf("fc-%d", sub), w.Cat([]byte{w.OpUnreachable, 0xfc}, w.U32(sub))...)
	}
	for sub := range uint32(0x114) { // SIMD, relaxed SIMD and what follows
		imm := make([]byte, 18)
		bad(fmt.Sprintf("fd-%#x", sub), w.Cat([]byte{w.OpUnreachable, 0xfd}, w.U32(sub), imm[:simdImmediates(sub)])...)
	}
	for _, sub := range []uint32{0x114, 0x1ff, 1 << 16, 1<<32 - 1} {
		bad(fmt.Sprintf("fd-%#x", sub), w.Cat([]byte{w.OpUnreachable, 0xfd}, w.U32(sub))...)
	}
	for _, t := range []struct {
		name string
		code []byte
	}{
		{"underflow", []byte{w.OpDrop}}, {"underflow-add", []byte{0x41, 0, w.OpI32Add, w.OpDrop}}, {"left-over", []byte{0x41, 0}}, {"wrong-type", []byte{0x42, 0, 0x41, 0, w.OpI32Add, w.OpDrop}},
		{"else-alone", []byte{w.OpElse}}, {"else-twice", []byte{0x41, 0, 0x04, w.Void, w.OpElse, w.OpElse, w.OpEnd}}, {"end-twice", []byte{w.OpEnd, w.OpNop}}, {"open-block", []byte{0x02, w.Void}},
		{"if-without-else", []byte{0x41, 0, 0x04, w.I32, 0x41, 0, w.OpEnd, w.OpDrop}}, {"block-result", []byte{0x02, w.I32, w.OpEnd, w.OpDrop}}, {"branch-result", []byte{0x02, w.I32, 0x0c, 0, w.OpEnd, w.OpDrop}},
		{"dead-underflow", []byte{w.OpUnreachable, 0x42, 0, w.OpI32Eqz, w.OpDrop}}, {"below-block", []byte{0x41, 0, 0x02, w.Void, w.OpDrop, w.OpEnd, w.OpDrop}}, {"select-refs", []byte{0xd0, w.FuncRef, 0xd0, w.FuncRef, 0x41, 0, w.OpSelect, w.OpDrop}},
		{"const-cut", []byte{0x43, 0, 0}}, {"memory-index", []byte{0x3f, 1, w.OpDrop}}, {"align", []byte{0x41, 0, 0x28, 3, 0, w.OpDrop}}, {"align-255", w.Cat([]byte{0x41, 0, 0x28}, w.U32(255), []byte{0, w.OpDrop})},
		{"br-table-types", []byte{0x02, w.I32, 0x02, w.Void, 0x41, 0, 0x0e, 1, 0, 1, w.OpEnd, 0x41, 0, w.OpEnd, w.OpDrop}}, {"immutable", []byte{}}, {"block-type-ref", []byte{0x02, 0x6e, w.OpEnd, w.OpDrop}},
	} {
		if t.name == "immutable" {
			c.load(Static, "opcode/immutable", "writing to a constant", func() []byte {
				return w.Codec(w.Edit(func(b *w.Builder) {
					g := b.Global(w.I32, false, w.Code{}.I32Const(0))
					b.Func(nil, nil, nil, w.Code{}.I32Const(1).GlobalSet(g))
				}))
			}, Reject)
			continue
		}
		bad("type/"+t.name, t.code...)
	}
	good := func(name string, code ...byte) {
		c.load(Static, "opcode/odd-"+name, "nothing: code that is odd, and legal", func() []byte { return withFunc(code...) }, OK)
	}
	good("dead-operands", w.OpUnreachable, w.OpI32Add, w.OpDrop, w.OpSelect, w.OpDrop)
	good("dead-blocks", w.OpReturn, 0x02, w.I32, 0x03, w.I64, w.OpUnreachable, w.OpEnd, w.OpDrop, 0x41, 0, w.OpEnd, w.OpDrop)
	good("dead-loop", 0x02, w.Void, 0x0c, 0, 0x03, w.Void, 0x0c, 0, w.OpEnd, w.OpEnd)
	good("br-to-function", 0x41, 1, 0x0d, 0, 0x0c, 0)
	good("empty-if-else", 0x41, 0, 0x04, w.Void, w.OpElse, w.OpEnd)
	for _, typ := range []byte{w.V128, 0x6e, 0x6d, 0x69, 0x78, 0x77} {
		c.load(Static, fmt.Sprintf("type/%#x-local", typ), "a type that no host of ours takes", func() []byte {
			return w.Codec(w.Edit(func(b *w.Builder) { b.FuncRaw(b.Type(nil, nil), []byte{1, 1, typ, w.OpEnd}) }))
		}, Reject)
		c.load(Static, fmt.Sprintf("type/%#x-param", typ), "a type that no host of ours takes", func() []byte {
			return w.Codec(w.Edit(func(b *w.Builder) { b.FuncRaw(b.Type([]byte{typ}, nil), []byte{0, w.OpEnd}) }))
		}, Reject)
	}
}

// simdImmediates is how many bytes follow a SIMD opcode: memory arguments, constants and lanes.
func simdImmediates(sub uint32) int {
	switch {
	case sub <= 11, sub == 92, sub == 93:
		return 2
	case sub == 12, sub == 13:
		return 16
	case sub >= 21 && sub <= 34:
		return 1
	case sub >= 84 && sub <= 91:
		return 3
	}
	return 0
}
