package validate_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/validate"
	w "github.com/iprt/iprt/internal/wasmtest"
)

// fn is a module with one function of type () -> (), whose instructions are code without the last end; a memory, a table, a
// mutable global and a passive segment of each kind.
func fn(code ...byte) []byte { return with(nil, code) }

func with(locals, code []byte) []byte {
	b := w.New()
	b.Memory(1, 2)
	b.Table(1, 2)
	b.Global(w.I32, true, w.Code{}.I32Const(0))
	b.ElemRaw([]byte{1, 0, 0})
	b.DataCount()
	b.DataRaw([]byte{1, 0})
	b.FuncRaw(b.Type(nil, nil), w.Cat(w.Vec(), locals, code, []byte{0x0b}))
	return b.Bytes()
}

// bare is a module with one function of type () -> () and nothing else.
func bare(code ...byte) []byte { return sec(void, oneFn, body([]byte{0}, code...)) }

// blocks opens n constructs and closes them.
func blocks(op byte, n int) []byte {
	return w.Cat(bytes.Repeat([]byte{op, w.Void}, n), bytes.Repeat([]byte{0x0b}, n))
}

// brTable is a br_table of n targets, the default among them, over one operand.
func brTable(n int) []byte {
	return w.Cat([]byte{0x41, 0, 0x0e}, w.U32(uint32(n-1)), make([]byte, n))
}

func brTables(functions, targets int) []byte {
	b := w.Cat([]byte{0}, brTable(targets), []byte{0x0b})
	b = w.Cat(w.U32(uint32(len(b))), b)
	return sec(void, w.Section(w.SecFunction, repeat([]byte{0}, functions)), w.Section(w.SecCode, repeat(b, functions)))
}

// code breaks the rules for function bodies.
func code() []broken {
	vec := func(sub ...byte) []byte { return append([]byte{0xfd}, sub...) }
	v0 := w.Cat(vec(12), make([]byte, 16)) // v128.const 0
	return []broken{
		{"opcode 0x06", "wasm.opcode", fn(0x06, w.Void, 0x0b), "0x06"},
		{"tail call", "wasm.opcode", fn(0x12, 0), "0x12"},
		{"throw", "wasm.opcode", fn(0x08, 0), "0x08"},
		{"atomic", "wasm.opcode", fn(0xfe, 0x03, 0), "0xfe"},
		{"opcode 0xff", "wasm.opcode", fn(0xff), "0xff"},
		{"0xfc 18", "wasm.opcode", fn(0xfc, 18), "0xfc 18"},
		{"0xfc 2^32−1", "wasm.opcode", fn(0xfc, 0xff, 0xff, 0xff, 0xff, 0x0f), "4294967295"},
		{"0xfd 154", "wasm.opcode", fn(0xfd, 0x9a, 0x01), "0xfd 154"},
		{"relaxed SIMD", "wasm.opcode", fn(0xfd, 0x80, 0x02), "0xfd 256"},

		{"LEB128 of 6 bytes in code", "wasm.leb128", fn(0x10, 0x80, 0x80, 0x80, 0x80, 0x80, 0), ""},
		{"label with bits beyond 32", "wasm.leb128", fn(0x0c, 0x80, 0x80, 0x80, 0x80, 0x10), ""},
		{"opcode after a prefix with bits beyond 32", "wasm.leb128", fn(0xfc, 0x80, 0x80, 0x80, 0x80, 0x10), ""},
		{"i32.const with wrong sign bits", "wasm.leb128", fn(0x41, 0x80, 0x80, 0x80, 0x80, 0x70, 0x1a), ""},
		{"i64.const of 11 bytes", "wasm.leb128", fn(w.Cat([]byte{0x42}, bytes.Repeat([]byte{0x80}, 10), []byte{0, 0x1a})...), ""},
		{"block of a long type byte", "wasm.leb128", fn(0x02, 0xc0, 0x7f, 0x0b), "type of a block"},
		{"block of an unknown type", "wasm.flags", fn(0x02, 0x6e, 0x0b), "0x6e"},
		{"memory.grow of memory 1", "wasm.flags", fn(0x41, 0, 0x40, 1, 0x1a), "one memory"},
		{"memory.size with a long zero", "wasm.flags", fn(0x3f, 0x80, 0, 0x1a), ""},
		{"ref.null of a number", "wasm.flags", fn(0xd0, w.I32, 0x1a), "0x7f"},
		{"select of an unknown type", "wasm.flags", fn(0x00, 0x1c, 1, 0x40), "0x40"},
		{"f64.const cut off", "wasm.truncated", fn(0x44, 0, 0), ""},
		{"2^32 targets", "wasm.count", fn(w.Cat([]byte{0x41, 0, 0x0e}, claim)...), "4294967295"},

		{"end too many", "wasm.body-end", fn(0x0b), "after its end"},
		{"end too few", "wasm.body-end", fn(0x02, w.Void), "does not finish"},
		{"else outside an if", "wasm.nesting", fn(0x02, w.Void, 0x05, 0x0b), ""},
		{"else in the function", "wasm.nesting", fn(0x05), ""},
		{"two elses", "wasm.nesting", fn(0x41, 0, 0x04, w.Void, 0x05, 0x05, 0x0b), ""},

		{"drop of nothing", "wasm.stack", fn(0x1a), ""},
		{"operand beyond a block", "wasm.stack", fn(0x41, 0, 0x02, w.Void, 0x1a, 0x0b), ""},
		{"operand left over", "wasm.stack", fn(0x41, 0), ""},
		{"operand left over in dead code", "wasm.stack", fn(0x00, 0x41, 0), ""},
		{"block without its result", "wasm.stack", fn(0x02, w.I32, 0x0b, 0x1a), ""},
		{"if with a result and no else", "wasm.stack", fn(0x41, 0, 0x04, w.I32, 0x41, 0, 0x0b, 0x1a), ""},

		{"local", "wasm.index", fn(0x20, 0, 0x1a), "local variable 0"},
		{"local of many bytes", "wasm.index", fn(w.Cat([]byte{0x20}, claim, []byte{0x1a})...), "local variable 4294967295"},
		{"global", "wasm.index", fn(0x23, 1, 0x1a), "global 1"},
		{"function", "wasm.index", fn(0x10, 1), "function 1"},
		{"ref.func", "wasm.index", fn(0xd2, 1, 0x1a), "function 1"},
		{"type of call_indirect", "wasm.index", fn(0x41, 0, 0x11, 1, 0), "type 1"},
		{"table of call_indirect", "wasm.index", fn(0x41, 0, 0x11, 0, 1), "table 1"},
		{"type of block", "wasm.index", fn(0x02, 1, 0x0b), "type 1"},
		{"label", "wasm.index", fn(0x0c, 1), "label 1"},
		{"target of br_table", "wasm.index", fn(0x41, 0, 0x0e, 1, 9, 0), "label 9"},
		{"default of br_table", "wasm.index", fn(0x41, 0, 0x0e, 1, 0, 9), "label 9"},
		{"table.get", "wasm.index", fn(0x41, 0, 0x25, 1, 0x1a), "table 1"},
		{"table.copy from", "wasm.index", fn(0x00, 0xfc, 14, 0, 1), "table 1"},
		{"table.init", "wasm.index", fn(0x00, 0xfc, 12, 1, 0), "element segment 1"},
		{"table.init of table 1", "wasm.index", fn(0x00, 0xfc, 12, 0, 1), "table 1"},
		{"elem.drop", "wasm.index", fn(0xfc, 13, 1), "element segment 1"},
		{"memory.init", "wasm.index", fn(0x00, 0xfc, 8, 1, 0), "data segment 1"},
		{"data.drop", "wasm.index", fn(0xfc, 9, 1), "data segment 1"},
		{"data.drop, numbers not announced", "wasm.data-count", bare(0xfc, 9, 0), "without announcing"},
		{"load without memory", "wasm.index", bare(0x41, 0, 0x28, 2, 0, 0x1a), "memory 0"},
		{"memory.size without memory", "wasm.index", bare(0x3f, 0, 0x1a), "memory 0"},
		{"memory.init without memory", "wasm.index", bare(0x00, 0xfc, 8, 0, 0), "memory 0"},
		{"table.size without table", "wasm.index", bare(0xfc, 16, 0, 0x1a), "table 0"},

		{"i32.load aligned to 8", "wasm.alignment", fn(0x41, 0, 0x28, 3, 0, 0x1a), "2^3"},
		{"load with the index of a memory", "wasm.alignment", fn(0x41, 0, 0x28, 0x42, 0, 0, 0x1a), ""},
		{"v128.load8_lane aligned to 2", "wasm.alignment", fn(w.Cat([]byte{0x00}, vec(84, 1, 0, 0), []byte{0x1a})...), ""},
		{"select of two types", "wasm.select", fn(0x00, 0x1c, 2, w.I32, w.I32), "2 types"},
		{"select of no type", "wasm.select", fn(0x00, 0x1c, 0, 0x1a), "0 types"},
		{"lane 16 of 16", "wasm.lane", fn(w.Cat(v0, vec(21, 16), []byte{0x1a})...), "lane 16 of 16"},
		{"lane 2 of 2", "wasm.lane", fn(w.Cat(v0, vec(33, 2), []byte{0x1a})...), "lane 2 of 2"},
		{"load into lane 4 of 4", "wasm.lane", fn(w.Cat([]byte{0x00}, vec(86, 0, 0, 4), []byte{0x1a})...), "lane 4 of 4"},
		{"shuffle of lane 32", "wasm.lane", fn(w.Cat(v0, v0, vec(13), bytes.Repeat([]byte{32}, 16), []byte{0x1a})...), "lane 32 of 32"},

		{"100,000 nested blocks", "limit.body-bytes", fn(blocks(0x02, 100_000)...), ""},
		{"40,000 nested blocks", "limit.block-nesting", fn(blocks(0x02, 40_000)...), "2049"},
		{"40,000 blocks never closed", "limit.block-nesting", fn(bytes.Repeat([]byte{0x02, w.Void}, 40_000)...), "2049"},
		{"2,049 nested ifs", "limit.block-nesting", fn(w.Cat(bytes.Repeat([]byte{0x41, 0, 0x04, w.Void}, 2049), bytes.Repeat([]byte{0x0b}, 2049))...), "2049"},
		{"20,000 nested loops", "limit.loop-nesting", fn(blocks(0x03, 20_000)...), "17"},
		{"300 nested loops over 300 locals", "limit.loop-nesting", sec(void, oneFn, body(w.Vec(append(w.U32(300), w.I32)), blocks(0x03, 300)...)), "17"},
		{"br_table of 4,097", "limit.br-table", bare(brTable(4097)...), "4097"},
		{"40 br_tables of 4,000", "limit.br-table-sum", brTables(40, 4000), "132000"},
	}
}

// At the limit is fine, and so is what looks like too much and is not.
func TestCodeAccepts(t *testing.T) {
	sixteen := blocks(0x03, 16)
	for _, c := range []struct {
		name string
		wasm []byte
	}{
		{"nothing", fn()},
		{"padded integers", fn(0x10, 0x80, 0x80, 0x80, 0x80, 0x00, 0x41, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x1a)},
		{"2,048 nested blocks", fn(blocks(0x02, 2048)...)},
		{"2,048 nested blocks, twice", fn(slices.Repeat(blocks(0x02, 2048), 2)...)},
		{"16 nested loops, twice", fn(slices.Repeat(sixteen, 2)...)},
		{"16 nested loops in blocks", fn(w.Cat([]byte{0x02, w.Void}, sixteen, []byte{0x0b})...)},
		{"br_table of 4,096", bare(brTable(4096)...)},
		{"32 br_tables of 4,096", brTables(32, 4096)},
		{"operands out of nothing in dead code", fn(0x00, 0x6a, 0x1a, 0x1a, 0x1a)},
		{"a loop with a parameter", w.Cat(fn(0x41, 0, 0x41, 0, 0x03, w.Void, 0x0b, 0x1a, 0x1a))},
	} {
		if _, err := validate.Module(c.wasm, validate.Rules{Set: validate.Shape}); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// What Info says of code, one instruction at a time.
func TestInfoOfCode(t *testing.T) {
	type flags struct{ grows, tables, drops, simd bool }
	for _, c := range []struct {
		name string
		code []byte
		want flags
	}{
		{"nop", []byte{0x01}, flags{}},
		{"memory.size, table.size, table.get", []byte{0x3f, 0, 0x1a, 0xfc, 16, 0, 0x1a, 0x41, 0, 0x25, 0, 0x1a}, flags{}},
		{"memory.grow", []byte{0x41, 0, 0x40, 0, 0x1a}, flags{grows: true}},
		{"table.grow", []byte{0x00, 0xfc, 15, 0, 0x1a}, flags{grows: true, tables: true}},
		{"table.set", []byte{0x00, 0x26, 0}, flags{tables: true}},
		{"table.fill", []byte{0x00, 0xfc, 17, 0}, flags{tables: true}},
		{"table.copy", []byte{0x00, 0xfc, 14, 0, 0}, flags{tables: true}},
		{"table.init", []byte{0x00, 0xfc, 12, 0, 0}, flags{tables: true}},
		{"elem.drop", []byte{0xfc, 13, 0}, flags{tables: true}},
		{"data.drop", []byte{0xfc, 9, 0}, flags{drops: true}},
		{"memory.init, memory.copy, memory.fill", []byte{0x00, 0xfc, 8, 0, 0, 0x00, 0xfc, 10, 0, 0, 0x00, 0xfc, 11, 0}, flags{}},
		{"v128.any_true", []byte{0x00, 0xfd, 83, 0x1a}, flags{simd: true}},
		{"block of a vector", []byte{0x00, 0x02, w.V128, 0x00, 0x0b, 0x1a}, flags{simd: true}},
		{"select of vectors", []byte{0x00, 0x1c, 1, w.V128, 0x1a}, flags{simd: true}},
	} {
		info, err := validate.Module(fn(c.code...), validate.Rules{Set: validate.Shape, SIMD: true})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := (flags{info.Grows, info.ChangesTables, info.DropsSegments, info.SIMD}); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestMutableGlobals(t *testing.T) {
	b := w.New()
	b.Import("env", "g", w.KindGlobal, []byte{w.I64, 1})
	b.Import("env", "c", w.KindGlobal, []byte{w.I64, 0})
	b.Global(w.F64, true, w.Code{}.Raw(0x44, 0, 0, 0, 0, 0, 0, 0, 0))
	b.Global(w.I32, false, w.Code{}.I32Const(0))
	b.Global(w.FuncRef, true, w.Code{}.RefNull(w.FuncRef))
	info, err := validate.Module(b.Bytes(), validate.Rules{Set: validate.Shape})
	want := []validate.MutableGlobal{{Index: 0, Type: abi.I64}, {Index: 2, Type: abi.F64}, {Index: 4, Type: 0x70}}
	if err != nil || !slices.Equal(info.MutableGlobals, want) {
		t.Errorf("%v, %v", info, err)
	}
}

// Vectors are refused wherever they occur, unless the rules allow them; what is known of the module is told.
func TestProfile(t *testing.T) {
	v128 := []byte{w.V128}
	for name, wasm := range map[string][]byte{
		"instruction": w.Codec(w.Edit(func(b *w.Builder) { b.Func(nil, nil, nil, w.Code{}.Raw(0x00, 0xfd, 83, 0x1a)) })),
		"local":       w.Codec(w.Edit(func(b *w.Builder) { b.Func(nil, nil, []w.Local{{Count: 1, Type: w.V128}}, nil) })),
		"parameter":   w.Codec(w.Edit(func(b *w.Builder) { b.Type(v128, nil) })),
		"result":      w.Codec(w.Edit(func(b *w.Builder) { b.Type(nil, v128) })),
		"global": w.Codec(w.Edit(func(b *w.Builder) {
			b.Global(w.V128, false, w.Code{}.Raw(w.Cat([]byte{0xfd, 12}, make([]byte, 16))...))
		})),
		"block result": w.Codec(w.Edit(func(b *w.Builder) { b.Func(nil, nil, nil, w.Code{}.Raw(0x02, w.V128, 0x00, 0x0b, 0x1a)) })),
	} {
		info, err := validate.Module(wasm, validate.Rules{})
		e := wantRule(t, err, broken{rule: "profile.simd"})
		if info == nil || !info.SIMD || e != nil && (e.Code() != "wasm-outside-profile" || e.Offset <= 8) {
			t.Errorf("%s: %v, %v", name, info, err)
		}
		if info, err := validate.Module(wasm, validate.Rules{SIMD: true}); err != nil || !info.SIMD {
			t.Errorf("%s: %v", name, err)
		}
	}
}
