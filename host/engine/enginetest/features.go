package enginetest

import (
	"errors"
	"testing"

	"github.com/iprt/iprt/host/engine"
	wt "github.com/iprt/iprt/internal/wasmtest"
)

// body is a module with a memory, a table and one function () -> () of the given code.
func body(code ...byte) []byte {
	b := wt.New()
	b.Memory(1, 1)
	b.Table(1, 1)
	b.Export("f", wt.KindFunc, b.Func(nil, nil, nil, wt.Code{}.Raw(code...)))
	return b.Bytes()
}

func memoryOf(limits ...byte) []byte {
	b := wt.New()
	b.MemoryRaw(limits)
	return b.Bytes()
}

func twoMemories() []byte {
	b := wt.New()
	b.Memory(1, 1)
	b.Memory(1, 1)
	return b.Bytes()
}

// Prefixes of opcodes.
const (
	prefixMisc   = 0xfc
	prefixVector = 0xfd
	prefixAtomic = 0xfe
)

// beyond holds what came after WebAssembly 2.0. An engine that took it would run modules that
// no other host runs, and that nobody here meters.
var beyond = map[string][]byte{
	"tail call":            body(0x12, 0),
	"indirect tail call":   body(0x41, 0, 0x13, 0, 0),
	"call by reference":    body(0xd0, 0, 0x14, 0),
	"two memories":         twoMemories(),
	"64-bit memory":        memoryOf(5, 1, 1),
	"shared memory":        memoryOf(3, 1, 1),
	"custom page size":     memoryOf(9, 1, 1, 0),
	"atomic fence":         body(prefixAtomic, 3, 0),
	"relaxed vector":       body(0x41, 0, prefixVector, 0x11, 0x41, 0, prefixVector, 0x11, prefixVector, 0x80, 0x02, 0x1a),
	"128-bit addition":     body(0x42, 0, 0x42, 0, 0x42, 0, 0x42, 0, prefixMisc, 0x13, 0x1a, 0x1a),
	"exceptions":           body(0x1f, 0x40, 0, 0x0b),
	"old exceptions":       body(0x06, 0x40, 0x19, 0x0b),
	"tag":                  wt.Raw(wt.Section(wt.SecType, wt.Vec(wt.FuncType(nil, nil))), wt.Section(13, wt.Vec([]byte{0, 0}))),
	"struct type":          wt.Raw(wt.Section(wt.SecType, wt.Vec([]byte{0x5f, 0}))),
	"typed reference":      wt.Raw(wt.Section(wt.SecType, wt.Vec(wt.FuncType(nil, nil), wt.FuncType([]byte{0x64, 0}, nil)))),
	"component":            []byte("\x00asm\x0d\x00\x01\x00"),
	"text":                 []byte("(module)"),
	"another version":      []byte("\x00asm\x02\x00\x00\x00"),
	"unknown section":      wt.Raw(wt.Section(14, []byte{0})),
	"unassigned operation": body(0xff),
}

// within holds what WebAssembly 2.0 added to 1.0.
var within = map[string][]byte{
	"sign extension":         body(0x41, 0, 0xc0, 0x1a),
	"saturating conversion":  body(0x43, 0, 0, 0, 0, prefixMisc, 0, 0x1a),
	"bulk memory":            body(0x41, 0, 0x41, 0, 0x41, 0, prefixMisc, 0x0a, 0, 0),
	"table operations":       body(prefixMisc, 0x10, 0, 0x1a),
	"reference":              body(0xd0, wt.ExternRef, 0xd1, 0x1a),
	"typed select":           body(0x41, 0, 0x41, 0, 0x41, 0, 0x1c, 1, wt.I32, 0x1a),
	"several results":        guest(nil, types(wt.I32, wt.I32), wt.Code{}.I32Const(1).I32Const(2)),
	"vector":                 body(0x41, 0, prefixVector, 0x11, 0x1a),
	"two tables":             twoTables(),
	"mutable global, export": accountantAlone(),
}

func twoTables() []byte {
	b := wt.New()
	b.Table(1, 1)
	b.Table(1, -1)
	return b.Bytes()
}

func accountantAlone() []byte {
	b := wt.New()
	b.Export("g", wt.KindGlobal, b.Global(wt.I64, true, wt.Code{}.I64Const(0)))
	return b.Bytes()
}

func featureTests() map[string]func(*testing.T, engine.Engine) {
	tests := make(map[string]func(*testing.T, engine.Engine))
	for name, wasm := range beyond {
		tests["without "+name] = func(t *testing.T, e engine.Engine) {
			_, err := e.Compile(t.Context(), wasm, nil)
			var compile *engine.CompileError
			if !errors.As(err, &compile) {
				t.Errorf("error is %T %v, want a CompileError", err, err)
			}
		}
	}
	for name, wasm := range within {
		tests["with "+name] = func(t *testing.T, e engine.Engine) {
			inst := instantiate(t, e, wasm)
			if f, ok := inst.Func("f"); ok {
				if err := f.Call(t.Context(), make([]uint64, f.Type().Slots())); err != nil {
					t.Error(err)
				}
			}
		}
	}
	return tests
}
