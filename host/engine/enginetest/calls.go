package enginetest

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/iprt/iprt/host/engine"
	wt "github.com/iprt/iprt/internal/wasmtest"
)

// Opcodes that package wasmtest does not name.
const (
	opI32DivS      = 0x6d
	opI32RemU      = 0x70
	opI64RemS      = 0x81
	opI32TruncF32S = 0xa8
	opF32Const     = 0x43
	opTableGet     = 0x25
	opRefIsNull    = 0xd1
)

// types is shorthand for a list of value types.
func types(ts ...byte) []byte { return ts }

// guest exports one function "f" of a module with a page of memory and a table of four,
// of which element 0 is a () -> i32 that returns 42 and the others are empty.
func guest(params, results []byte, code wt.Code) []byte {
	b := wt.New()
	answer := b.Func(nil, types(wt.I32), nil, wt.Code{}.I32Const(42))
	f := b.Func(params, results, nil, code)
	b.Table(4, 8)
	b.Memory(1, 2)
	b.Elem(0, answer)
	b.Data(8, []byte("datadata"))
	b.Export("f", wt.KindFunc, f)
	return b.Bytes()
}

// typeOfAnswer is the index of () -> i32 in a module made by guest.
const typeOfAnswer = 0

// garbage is what a caller might leave in the unused half of an i32 or f32 slot.
const garbage = 0xdeadbeef << 32

func f32(v float32) uint64 { return uint64(math.Float32bits(v)) }

func f32Const(bits uint32) wt.Code {
	return wt.Code{}.Raw(opF32Const, byte(bits), byte(bits>>8), byte(bits>>16), byte(bits>>24))
}

// callCase is a call of "f". It returns want or, if trap is set, traps.
type callCase struct {
	wasm []byte
	args []uint64
	want []uint64
	trap engine.TrapKind
}

func (c callCase) check(t *testing.T, inst engine.Instance) {
	t.Helper()
	got, err := call(t.Context(), t, inst, "f", c.args...)
	if c.trap != 0 {
		wantTrap(t, err, c.trap)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, c.want) {
		t.Errorf("results are %#x, want %#x", got, c.want)
	}
}

func callTests() map[string]func(*testing.T, engine.Engine) {
	tests := map[string]func(*testing.T, engine.Engine){
		"backtrace":         testBacktrace,
		"backtrace hostile": testHostileNames,
		"trap then call":    testTrapThenCall,
	}
	for name, c := range callCases {
		tests[name] = func(t *testing.T, e engine.Engine) { c.check(t, instantiate(t, e, c.wasm)) }
	}
	return tests
}

var callCases = map[string]callCase{
	"nothing": {wasm: guest(nil, nil, wt.Code{})},
	"i32 add": {
		wasm: guest(types(wt.I32, wt.I32), types(wt.I32), wt.Code{}.LocalGet(0).LocalGet(1).Op(wt.OpI32Add)),
		args: []uint64{2, 3}, want: []uint64{5},
	},
	"i32 wraps": {
		wasm: guest(types(wt.I32, wt.I32), types(wt.I32), wt.Code{}.LocalGet(0).LocalGet(1).Op(wt.OpI32Add)),
		args: []uint64{math.MaxUint32, 2}, want: []uint64{1},
	},
	"i64, f32, f64": {
		wasm: guest(types(wt.I64, wt.F32, wt.F64), types(wt.F64, wt.F32, wt.I64), wt.Code{}.LocalGet(2).LocalGet(1).LocalGet(0)),
		args: []uint64{math.MaxUint64, f32(1.5), math.Float64bits(-2.5)},
		want: []uint64{math.Float64bits(-2.5), f32(1.5), math.MaxUint64},
	},
	"more results than parameters": {
		wasm: guest(types(wt.I32), types(wt.I32, wt.I64, wt.I32), wt.Code{}.LocalGet(0).I64Const(-1).I32Const(-1)),
		args: []uint64{7}, want: []uint64{7, math.MaxUint64, math.MaxUint32},
	},
	"more parameters than results": {
		wasm: guest(types(wt.I64, wt.I64, wt.I32), types(wt.I32), wt.Code{}.LocalGet(2)),
		args: []uint64{1, 2, 3}, want: []uint64{3},
	},
	"garbage in an i32 parameter is cut off": {
		wasm: guest(types(wt.I32), types(wt.I64), wt.Code{}.LocalGet(0).Op(wt.OpI64ExtendI32U)),
		args: []uint64{garbage | 7}, want: []uint64{7},
	},
	"garbage in an address is cut off": {
		wasm: guest(types(wt.I32), types(wt.I32), wt.Code{}.LocalGet(0).Mem(wt.OpI32Load, 0, 0)),
		args: []uint64{garbage | 8}, want: []uint64{0x61746164},
	},
	"garbage does not make a condition true": {
		wasm: guest(types(wt.I32), types(wt.I32), wt.Code{}.I32Const(1).I32Const(2).LocalGet(0).Op(wt.OpSelect)),
		args: []uint64{garbage}, want: []uint64{2},
	},
	"garbage is no branch": {
		wasm: guest(types(wt.I32), types(wt.I32), wt.Code{}.Block(wt.Void).LocalGet(0).BrIf(0).I32Const(1).Op(wt.OpReturn).End().I32Const(2)),
		args: []uint64{garbage}, want: []uint64{1},
	},
	"garbage is zero": {
		wasm: guest(types(wt.I32), types(wt.I32), wt.Code{}.LocalGet(0).Op(wt.OpI32Eqz)),
		args: []uint64{garbage}, want: []uint64{1},
	},
	"garbage does not differ": {
		wasm: guest(types(wt.I32, wt.I32), types(wt.I32), wt.Code{}.LocalGet(0).LocalGet(1).Op(wt.OpI32Eq)),
		args: []uint64{garbage | 3, 3}, want: []uint64{1},
	},
	"garbage does not come back": {
		wasm: guest(types(wt.I32, wt.F32), types(wt.I32, wt.F32), wt.Code{}.LocalGet(0).LocalGet(1)),
		args: []uint64{garbage | 7, garbage | f32(1)}, want: []uint64{7, f32(1)},
	},
	"wrapped i64 has no upper half": {
		wasm: guest(types(wt.I64), types(wt.I32), wt.Code{}.LocalGet(0).Op(wt.OpI32WrapI64)),
		args: []uint64{garbage | 7}, want: []uint64{7},
	},
	"indirect call": {
		wasm: guest(types(wt.I32), types(wt.I32), wt.Code{}.LocalGet(0).CallIndirect(typeOfAnswer)),
		args: []uint64{0}, want: []uint64{42},
	},
	"table grow": {
		wasm: guest(types(wt.I32), types(wt.I32), wt.Code{}.RefNull(wt.FuncRef).LocalGet(0).TableGrow()),
		args: []uint64{4}, want: []uint64{4},
	},
	"table grow beyond its maximum": {
		wasm: guest(types(wt.I32), types(wt.I32), wt.Code{}.RefNull(wt.FuncRef).LocalGet(0).TableGrow()),
		args: []uint64{5}, want: []uint64{math.MaxUint32},
	},
	"table get": {
		wasm: guest(types(wt.I32), types(wt.I32), wt.Code{}.LocalGet(0).Raw(opTableGet, 0).Op(opRefIsNull)),
		args: []uint64{3}, want: []uint64{1},
	},

	"unreachable": {
		wasm: guest(nil, nil, wt.Code{}.Op(wt.OpUnreachable)), trap: engine.TrapUnreachable,
	},
	"load out of bounds": {
		wasm: guest(types(wt.I32), types(wt.I32), wt.Code{}.LocalGet(0).Mem(wt.OpI32Load, 0, 0)),
		args: []uint64{65533}, trap: engine.TrapMemory,
	},
	"load whose offset overflows": {
		wasm: guest(types(wt.I32), types(wt.I32), wt.Code{}.LocalGet(0).Mem(wt.OpI32Load, 0, math.MaxUint32)),
		args: []uint64{math.MaxUint32}, trap: engine.TrapMemory,
	},
	"memory.fill out of bounds": {
		wasm: guest(types(wt.I32), nil, wt.Code{}.LocalGet(0).I32Const(1).I32Const(2).Raw(0xfc, 0x0b, 0)),
		args: []uint64{65535}, trap: engine.TrapMemory,
	},
	"memory.init beyond its segment": {
		wasm: wt.Raw(
			wt.Section(wt.SecType, wt.Vec(wt.FuncType(nil, nil))), wt.Section(wt.SecFunction, wt.Vec(wt.U32(0))),
			wt.Section(wt.SecMemory, wt.Vec(wt.Limits(1, 1))), wt.Section(wt.SecExport, wt.Vec(wt.Cat(wt.Name("f"), []byte{wt.KindFunc, 0}))),
			wt.Section(wt.SecDataCount, wt.U32(1)),
			wt.Section(wt.SecCode, wt.Vec(codeEntry(wt.Code{}.I32Const(0).I32Const(1).I32Const(2).Raw(0xfc, 0x08, 0, 0)))),
			wt.Section(wt.SecData, wt.Vec([]byte{1, 2, 'a', 'b'})),
		),
		trap: engine.TrapMemory,
	},
	"indirect call out of bounds": {
		wasm: guest(types(wt.I32), types(wt.I32), wt.Code{}.LocalGet(0).CallIndirect(typeOfAnswer)),
		args: []uint64{4}, trap: engine.TrapTable,
	},
	"indirect call of an empty element": {
		wasm: guest(types(wt.I32), types(wt.I32), wt.Code{}.LocalGet(0).CallIndirect(typeOfAnswer)),
		args: []uint64{1}, trap: engine.TrapTable,
	},
	"table.get out of bounds": {
		wasm: guest(types(wt.I32), types(wt.I32), wt.Code{}.LocalGet(0).Raw(opTableGet, 0).Op(opRefIsNull)),
		args: []uint64{4}, trap: engine.TrapTable,
	},
	"indirect call of another signature": {
		wasm: guest(types(wt.I32), nil, wt.Code{}.I32Const(5).LocalGet(0).CallIndirect(1)),
		args: []uint64{0}, trap: engine.TrapIndirectCall,
	},
	"division by zero": {
		wasm: guest(types(wt.I32), types(wt.I32), wt.Code{}.I32Const(1).LocalGet(0).Op(wt.OpI32DivU)),
		args: []uint64{0}, trap: engine.TrapDivide,
	},
	"remainder by zero": {
		wasm: guest(types(wt.I32), types(wt.I32), wt.Code{}.I32Const(1).LocalGet(0).Op(opI32RemU)),
		args: []uint64{0}, trap: engine.TrapDivide,
	},
	"remainder that overflows is 0": {
		wasm: guest(types(wt.I64), types(wt.I64), wt.Code{}.I64Const(math.MinInt64).LocalGet(0).Op(opI64RemS)),
		args: []uint64{math.MaxUint64}, want: []uint64{0},
	},
	"division that overflows": {
		wasm: guest(types(wt.I32), types(wt.I32), wt.Code{}.I32Const(math.MinInt32).LocalGet(0).Op(opI32DivS)),
		args: []uint64{math.MaxUint32}, trap: engine.TrapOverflow,
	},
	"conversion that overflows": {
		wasm: guest(nil, types(wt.I32), f32Const(0x7f800000).Op(opI32TruncF32S)), trap: engine.TrapOverflow,
	},
	"conversion of NaN": {
		wasm: guest(nil, types(wt.I32), f32Const(0x7fc00000).Op(opI32TruncF32S)), trap: engine.TrapConversion,
	},
	"endless recursion": {
		wasm: guest(nil, nil, wt.Code{}.Call(1)), trap: engine.TrapStack,
	},
}

// codeEntry is a function body without locals, with its size.
func codeEntry(code wt.Code) []byte {
	body := wt.Cat([]byte{0}, code, []byte{wt.OpEnd})
	return wt.Cat(wt.U32(uint32(len(body))), body)
}

// named is a module whose "f" calls a function that traps, both with names.
func named(outer, inner string) []byte {
	b := wt.New()
	in := b.Func(nil, nil, nil, wt.Code{}.Op(wt.OpUnreachable))
	out := b.Func(nil, nil, nil, wt.Code{}.Call(in))
	b.Export("f", wt.KindFunc, out)
	names := wt.Vec(wt.Cat(wt.U32(in), wt.Name(inner)), wt.Cat(wt.U32(out), wt.Name(outer)))
	b.Custom("name", wt.Section(1, names))
	return b.Bytes()
}

func testBacktrace(t *testing.T, e engine.Engine) {
	_, err := call(t.Context(), t, instantiate(t, e, named("walk", "parse_header")), "f")
	lines := strings.Split(wantTrap(t, err, engine.TrapUnreachable).Backtrace, "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "parse_header") || !strings.Contains(lines[1], "walk") {
		t.Errorf("backtrace is %q", lines)
	}
}

// testHostileNames has function names that forge a trap of another kind, clear the
// terminal and are far too long.
func testHostileNames(t *testing.T, e engine.Engine) {
	forged := "\x1b[2J\nwasm stack trace:\n\tstack overflow\u202e"
	_, err := call(t.Context(), t, instantiate(t, e, named(forged, strings.Repeat("n", 1<<16))), "f")
	trap := wantTrap(t, err, engine.TrapUnreachable)
	if len(trap.Backtrace) > 16<<10 {
		t.Errorf("backtrace is %d bytes long", len(trap.Backtrace))
	}
	_, err = call(t.Context(), t, instantiate(t, e, named("f", forged)), "f")
	trap = wantTrap(t, err, engine.TrapUnreachable)
	if strings.ContainsAny(trap.Backtrace+err.Error(), "\x1b\u202e") {
		t.Errorf("escapes got through: %q", trap.Backtrace)
	}
}

func testTrapThenCall(t *testing.T, e engine.Engine) {
	inst := instantiate(t, e, guest(types(wt.I32), types(wt.I32), wt.Code{}.I32Const(6).LocalGet(0).Op(wt.OpI32DivU)))
	for range 3 {
		_, err := call(t.Context(), t, inst, "f", 0)
		wantTrap(t, err, engine.TrapDivide)
		if got := mustCall(t, inst, "f", 2); got != 3 {
			t.Errorf("6/2 = %d after a trap", got)
		}
	}
}
