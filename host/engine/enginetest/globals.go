package enginetest

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
	wt "github.com/iprt/iprt/internal/wasmtest"
)

var globalTests = map[string]func(*testing.T, engine.Engine){
	"types":             testGlobalTypes,
	"refused":           testGlobalRefused,
	"during a call":     testGlobalDuringCall,
	"kept in a loop":    testGlobalInLoop,
	"isolated":          testGlobalIsolated,
	"after close":       testGlobalAfterClose,
	"after unreachable": testGlobalAfterTrap(engine.TrapUnreachable, wt.Code{}.Op(wt.OpUnreachable)),
	"after a bad load":  testGlobalAfterTrap(engine.TrapMemory, wt.Code{}.I32Const(-1).Mem(wt.OpI32Load, 0, 0).Op(wt.OpDrop)),
	"after a division":  testGlobalAfterTrap(engine.TrapDivide, wt.Code{}.I32Const(1).I32Const(0).Op(wt.OpI32DivU).Op(wt.OpDrop)),
	"after a recursion": testGlobalAfterTrap(engine.TrapStack, wt.Code{}.Call(1)),
	"after host error":  testGlobalAfterTrap(engine.TrapHost, wt.Code{}.Call(0)),
}

func wantGlobal(t *testing.T, inst engine.Instance, name string) engine.Global {
	t.Helper()
	g, ok := inst.Global(name)
	if !ok {
		t.Fatalf("no global %q", name)
	}
	return g
}

// testGlobalTypes has a global of each type with a function that returns it, and looks at
// values from both sides.
func testGlobalTypes(t *testing.T, e engine.Engine) {
	b := wt.New()
	f64Const := wt.Code{}.Raw(0x44, 0, 0, 0, 0, 0, 0, 0x04, 0xc0) // -2.5
	globals := []struct {
		name      string
		typ       byte
		init      wt.Code
		want, set uint64
	}{
		{"i32", wt.I32, wt.Code{}.I32Const(-1), math.MaxUint32, 7},
		{"i64", wt.I64, wt.Code{}.I64Const(-1), math.MaxUint64, garbage | 7},
		{"f32", wt.F32, f32Const(math.Float32bits(1.5)), f32(1.5), f32(-3)},
		{"f64", wt.F64, f64Const, math.Float64bits(-2.5), math.Float64bits(9)},
	}
	for _, g := range globals {
		i := b.Global(g.typ, true, g.init)
		b.Export(g.name, wt.KindGlobal, i)
		b.Export("get "+g.name, wt.KindFunc, b.Func(nil, types(g.typ), nil, wt.Code{}.GlobalGet(i)))
		b.Export("set "+g.name, wt.KindFunc, b.Func(types(g.typ), nil, nil, wt.Code{}.LocalGet(0).GlobalSet(i)))
	}
	inst := instantiate(t, e, b.Bytes())
	for _, tc := range globals {
		g := wantGlobal(t, inst, tc.name)
		half := uint64(0) // what the other half of a slot may hold without a difference
		if tc.typ == wt.I32 || tc.typ == wt.F32 {
			half = garbage
		}
		if g.Type() != abi.ValType(tc.typ) || g.Get() != tc.want {
			t.Errorf("%s starts as %v %#x, want %#x", tc.name, g.Type(), g.Get(), tc.want)
		}
		g.Set(half | tc.set)
		if g.Get() != tc.set || mustCall(t, inst, "get "+tc.name) != tc.set {
			t.Errorf("%s is %#x to the host and %#x to the guest, want %#x", tc.name, g.Get(), mustCall(t, inst, "get "+tc.name), tc.set)
		}
		mustCall(t, inst, "set "+tc.name, half|tc.want)
		again := wantGlobal(t, inst, tc.name)
		if g.Get() != tc.want || again.Get() != tc.want {
			t.Errorf("%s is %#x and %#x after the guest set it, want %#x", tc.name, g.Get(), again.Get(), tc.want)
		}
	}
}

func testGlobalRefused(t *testing.T, e engine.Engine) {
	b := wt.New()
	constant := b.Global(wt.I32, false, wt.Code{}.I32Const(1))
	vector := b.Global(wt.V128, true, wt.Code{}.Raw(0xfd, 0x0c).Raw(make([]byte, 16)...))
	ref := b.Global(wt.FuncRef, true, wt.Code{}.RefNull(wt.FuncRef))
	extern := b.Global(wt.ExternRef, true, wt.Code{}.RefNull(wt.ExternRef))
	hidden := b.Global(wt.I32, true, wt.Code{}.I32Const(1))
	b.Memory(1, 1)
	b.Export("function", wt.KindFunc, b.Func(nil, types(wt.I32), nil, wt.Code{}.GlobalGet(hidden)))
	b.Export("memory", wt.KindMemory, 0)
	b.Export("constant", wt.KindGlobal, constant)
	b.Export("vector", wt.KindGlobal, vector)
	b.Export("reference", wt.KindGlobal, ref)
	b.Export("extern", wt.KindGlobal, extern)
	inst := instantiate(t, e, b.Bytes())
	for _, name := range []string{"absent", "", "function", "memory", "constant", "vector", "reference", "extern"} {
		if g, ok := inst.Global(name); ok || g != nil {
			t.Errorf("Global(%q) = %v, %v", name, g, ok)
		}
	}
}

// accountant is a module whose "f" sets the global "g" to its argument, calls the host and
// returns g plus what it read before the call.
func accountant() []byte {
	b := wt.New()
	h := b.ImportFunc("env", "h", nil, nil)
	g := b.Global(wt.I64, true, wt.Code{}.I64Const(0))
	b.Export("g", wt.KindGlobal, g)
	b.Export("f", wt.KindFunc, b.Func(types(wt.I64), types(wt.I64), nil,
		wt.Code{}.LocalGet(0).GlobalSet(g).GlobalGet(g).Call(h).GlobalGet(g).Op(wt.OpI64Add)))
	return b.Bytes()
}

func testGlobalDuringCall(t *testing.T, e engine.Engine) {
	var g engine.Global
	var saw uint64
	inst := instantiate(t, e, accountant(), host(nil, nil, func(context.Context, engine.Memory, []uint64) error {
		saw = g.Get()
		g.Set(1000)
		return nil
	}))
	g = wantGlobal(t, inst, "g")
	for n := range uint64(3) {
		if got := mustCall(t, inst, "f", n); saw != n || got != n+1000 || g.Get() != 1000 {
			t.Errorf("host saw %d, guest summed up %d, %d is left", saw, got, g.Get())
		}
	}
}

// testGlobalInLoop counts a global down in a loop that a compiler would like to keep in a
// register, and has the host refill it on the way.
func testGlobalInLoop(t *testing.T, e engine.Engine) {
	const fill, refills = 100, 3
	b := wt.New()
	h := b.ImportFunc("env", "h", nil, types(wt.I32))
	g := b.Global(wt.I32, true, wt.Code{}.I32Const(0))
	b.Export("g", wt.KindGlobal, g)
	steps := b.Global(wt.I32, true, wt.Code{}.I32Const(0))
	b.Export("f", wt.KindFunc, b.Func(nil, types(wt.I32), nil, wt.Code{}.
		Loop(wt.Void).
		GlobalGet(steps).I32Const(1).Op(wt.OpI32Add).GlobalSet(steps).
		GlobalGet(g).I32Const(1).Op(wt.OpI32Sub).GlobalSet(g).
		GlobalGet(g).BrIf(0).
		Call(h).BrIf(0).
		End().
		GlobalGet(steps)))
	var global engine.Global
	left := refills
	inst := instantiate(t, e, b.Bytes(), host(nil, []abi.ValType{abi.I32}, func(_ context.Context, _ engine.Memory, stack []uint64) error {
		if v := global.Get(); v != 0 {
			t.Errorf("host sees %d", v)
		}
		stack[0] = uint64(min(left, 1))
		left--
		global.Set(fill)
		return nil
	}))
	global = wantGlobal(t, inst, "g")
	global.Set(fill)
	if got := mustCall(t, inst, "f"); got != fill*(refills+1) {
		t.Errorf("the loop took %d steps, want %d", got, fill*(refills+1))
	}
}

func testGlobalIsolated(t *testing.T, e engine.Engine) {
	code := compile(t, e, accountant(), host(nil, nil, nop))
	for n := range uint64(2) {
		inst, err := code.Instantiate(t.Context(), engine.InstanceOptions{})
		if err != nil {
			t.Fatal(err)
		}
		g := wantGlobal(t, inst, "g")
		if g.Get() != 0 {
			t.Errorf("instance %d starts with %d", n, g.Get())
		}
		g.Set(n + 1)
		if got := mustCall(t, inst, "f", 5); got != 10 {
			t.Errorf("f(5) = %d", got)
		}
	}
}

func testGlobalAfterClose(t *testing.T, e engine.Engine) {
	code := compile(t, e, accountant(), host(nil, nil, nop))
	closers := []closeFunc{closeInstance, closeCode, closeEngine}
	insts := make([]engine.Instance, len(closers))
	globals := make([]engine.Global, len(closers))
	for i := range insts {
		var err error
		if insts[i], err = code.Instantiate(t.Context(), engine.InstanceOptions{}); err != nil {
			t.Fatal(err)
		}
		globals[i] = wantGlobal(t, insts[i], "g")
	}
	for i, closeIt := range closers {
		if err := closeIt(t.Context(), e, code, insts[i]); err != nil {
			t.Fatal(err)
		}
		globals[i].Set(1)
		_ = globals[i].Get()
		if globals[i].Type() != abi.I64 {
			t.Error("the type is lost")
		}
		if g, ok := insts[i].Global("g"); ok {
			g.Set(2)
			_ = g.Get()
		}
	}
}

// testGlobalAfterTrap has "f" set a global and then trap: what was set must show.
func testGlobalAfterTrap(kind engine.TrapKind, trap wt.Code) func(*testing.T, engine.Engine) {
	return func(t *testing.T, e engine.Engine) {
		b := wt.New()
		b.ImportFunc("env", "h", nil, nil)
		i32 := b.Global(wt.I32, true, wt.Code{}.I32Const(0))
		i64 := b.Global(wt.I64, true, wt.Code{}.I64Const(0))
		b.Memory(1, 1)
		b.Export("i32", wt.KindGlobal, i32)
		b.Export("i64", wt.KindGlobal, i64)
		f := b.Func(nil, nil, nil, wt.Code{}.
			GlobalGet(i32).I32Const(1).Op(wt.OpI32Add).GlobalSet(i32).
			I64Const(-5).GlobalSet(i64).Raw(trap...).I64Const(6).GlobalSet(i64))
		b.Export("f", wt.KindFunc, f)
		inst := instantiate(t, e, b.Bytes(), host(nil, nil, func(context.Context, engine.Memory, []uint64) error {
			return errors.New("no")
		}))
		a, c := wantGlobal(t, inst, "i32"), wantGlobal(t, inst, "i64")
		_, err := call(t.Context(), t, inst, "f")
		wantTrap(t, err, kind)
		once := a.Get() == 1 || kind == engine.TrapStack && a.Get() > 1
		if !once || int64(c.Get()) != -5 {
			t.Errorf("globals are %d and %d", a.Get(), int64(c.Get()))
		}
		a.Set(10)
		_, err = call(t.Context(), t, inst, "f")
		wantTrap(t, err, kind)
		if a.Get() != 11 && kind != engine.TrapStack {
			t.Errorf("global is %d after the next call, want 11", a.Get())
		}
	}
}
