package enginetest

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
	wt "github.com/iprt/iprt/internal/wasmtest"
)

var hostTests = map[string]func(*testing.T, engine.Engine){
	"parameters and results": testHostValues,
	"more results":           testHostMoreResults,
	"called through a table": testHostThroughTable,
	"sees memory":            testHostMemory,
	"sees empty memory":      testHostNoMemory,
	"sees the context":       testHostContext,
	"sees the right guest":   testHostRightGuest,
	"calls another guest":    testHostNested,
	"calls its own guest":    testHostReentry,
	"error":                  testHostError,
	"error of a kind":        testHostKind,
	"panics":                 testHostPanics,
	"context ends":           testHostContextEnds,

	"closes the instance":             testHostCloses(caller(nil, nil), closeInstance),
	"closes the code":                 testHostCloses(caller(nil, nil), closeCode),
	"closes the engine":               testHostCloses(caller(nil, nil), closeEngine),
	"closes the instance, calls back": testHostCloses(twice(), closeInstance),
	"closes the code, calls back":     testHostCloses(twice(), closeCode),
	"closes the engine, calls back":   testHostCloses(twice(), closeEngine),
}

// host is the import "env" "h" of a type.
func host(params, results []abi.ValType, fn engine.HostFunc) engine.Import {
	return engine.Import{Module: "env", Name: "h", Type: engine.FuncType{Params: params, Results: results}, Fn: fn}
}

// caller is a module with memory whose "f" calls "h", both of one type.
func caller(params, results []byte) []byte {
	b := wt.New()
	h := b.ImportFunc("env", "h", params, results)
	code := wt.Code{}
	for i := range params {
		code = code.LocalGet(uint32(i))
	}
	b.Export("f", wt.KindFunc, b.Func(params, results, nil, code.Call(h)))
	b.Memory(1, 1)
	b.Data(0, []byte("guest"))
	return b.Bytes()
}

// testHostValues hands over values of all types. A call with i64 before it fills the slots
// with what compiled code then leaves in the upper half of an i32, and what the host puts
// into the upper half of its result must not count as part of it.
func testHostValues(t *testing.T, e engine.Engine) {
	b := wt.New()
	wide := b.ImportFunc("env", "wide", types(wt.I64, wt.I64, wt.I64, wt.I64), nil)
	h := b.ImportFunc("env", "h", types(wt.I32, wt.I64, wt.F32, wt.F64), types(wt.I32))
	b.Export("f", wt.KindFunc, b.Func(types(wt.I32, wt.I64, wt.F32, wt.F64), types(wt.I32), nil,
		wt.Code{}.I64Const(-1).I64Const(-1).I64Const(-1).I64Const(-1).Call(wide).
			I32Const(2).I32Const(1).
			LocalGet(0).LocalGet(1).LocalGet(2).LocalGet(3).Call(h).Op(wt.OpSelect)))
	var got []uint64
	i64s := []abi.ValType{abi.I64, abi.I64, abi.I64, abi.I64}
	inst := instantiate(t, e, b.Bytes(),
		engine.Import{Module: "env", Name: "wide", Type: engine.FuncType{Params: i64s}, Fn: nop},
		host([]abi.ValType{abi.I32, abi.I64, abi.F32, abi.F64}, []abi.ValType{abi.I32},
			func(_ context.Context, _ engine.Memory, stack []uint64) error {
				got = slices.Clone(stack)
				stack[0] = garbage
				return nil
			}))
	result := mustCall(t, inst, "f", garbage|1, garbage|2, garbage|f32(3), 4)
	if want := []uint64{1, garbage | 2, f32(3), 4}; !slices.Equal(got, want) {
		t.Errorf("parameters are %#x, want %#x", got, want)
	}
	if result != 1 {
		t.Errorf("a result of 0 with garbage above it is not 0 to the guest")
	}
}

func testHostMoreResults(t *testing.T, e engine.Engine) {
	inst := instantiate(t, e, caller(types(wt.I32), types(wt.I32, wt.I64, wt.F64)),
		host([]abi.ValType{abi.I32}, []abi.ValType{abi.I32, abi.I64, abi.F64},
			func(_ context.Context, _ engine.Memory, stack []uint64) error {
				stack[0], stack[1], stack[2] = stack[0]+1, 2, 3
				return nil
			}))
	got, err := call(t.Context(), t, inst, "f", 10)
	if err != nil || !slices.Equal(got, []uint64{11, 2, 3}) {
		t.Errorf("f(10) = %d, %v", got, err)
	}
}

func testHostThroughTable(t *testing.T, e engine.Engine) {
	b := wt.New()
	h := b.ImportFunc("env", "h", nil, types(wt.I32))
	b.Table(1, 1)
	b.Memory(1, 1)
	b.Data(0, []byte{77})
	b.Elem(0, h)
	b.Export("f", wt.KindFunc, b.Func(nil, types(wt.I32), nil, wt.Code{}.I32Const(0).CallIndirect(b.Type(nil, types(wt.I32)))))
	inst := instantiate(t, e, b.Bytes(), host(nil, []abi.ValType{abi.I32},
		func(_ context.Context, mem engine.Memory, stack []uint64) error {
			m, ok := mem.View(0, 1)
			if !ok {
				return errors.New("no memory")
			}
			stack[0] = uint64(m[0])
			return nil
		}))
	if got := mustCall(t, inst, "f"); got != 77 {
		t.Errorf("f() = %d", got)
	}
}

func testHostMemory(t *testing.T, e engine.Engine) {
	var saw string
	inst := instantiate(t, e, caller(nil, nil), host(nil, nil, func(_ context.Context, mem engine.Memory, _ []uint64) error {
		m, ok := mem.View(0, 5)
		if !ok || mem.Size() != 1<<16 {
			return errors.New("memory is not there")
		}
		saw = string(m)
		copy(m, "hosts")
		return nil
	}))
	mustCall(t, inst, "f")
	if m, _ := inst.Memory().View(0, 5); saw != "guest" || string(m) != "hosts" {
		t.Errorf("host saw %q and left %q", saw, m)
	}
}

func testHostNoMemory(t *testing.T, e engine.Engine) {
	inst := instantiate(t, e, importer(), engine.Import{Module: "env", Name: "f", Type: returnsI32,
		Fn: func(_ context.Context, mem engine.Memory, stack []uint64) error {
			_, one := mem.View(0, 1)
			_, none := mem.View(0, 0)
			if mem.Size() != 0 || one || !none {
				return errors.New("memory is not empty")
			}
			stack[0] = 1
			return nil
		}})
	if inst.Memory() != nil {
		t.Error("Memory is not nil")
	}
	mustCall(t, inst, "f")
}

func testHostContext(t *testing.T, e engine.Engine) {
	type key struct{}
	var got any
	inst := instantiate(t, e, caller(nil, nil), host(nil, nil, func(ctx context.Context, _ engine.Memory, _ []uint64) error {
		got = ctx.Value(key{})
		return nil
	}))
	if _, err := call(context.WithValue(t.Context(), key{}, "value"), t, inst, "f"); err != nil || got != "value" {
		t.Errorf("host function saw %v, %v", got, err)
	}
}

// testHostRightGuest has two instances of one code, and so of one host function.
func testHostRightGuest(t *testing.T, e engine.Engine) {
	code := compile(t, e, caller(nil, nil), host(nil, nil, func(_ context.Context, mem engine.Memory, _ []uint64) error {
		m, _ := mem.View(0, 1)
		m[0]++
		return nil
	}))
	var insts [2]engine.Instance
	for i := range insts {
		var err error
		if insts[i], err = code.Instantiate(t.Context(), engine.InstanceOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	mustCall(t, insts[0], "f")
	a, _ := insts[0].Memory().View(0, 1)
	b, _ := insts[1].Memory().View(0, 1)
	if a[0] != 'g'+1 || b[0] != 'g' {
		t.Errorf("memories start with %q and %q", a, b)
	}
}

func testHostNested(t *testing.T, e engine.Engine) {
	inner := instantiate(t, e, guest(types(wt.I32), types(wt.I32), wt.Code{}.I32Const(6).LocalGet(0).Op(wt.OpI32DivU)))
	f := lookup(t, inner, "f")
	outer := instantiate(t, e, caller(types(wt.I32), types(wt.I32)),
		host([]abi.ValType{abi.I32}, []abi.ValType{abi.I32},
			func(ctx context.Context, _ engine.Memory, stack []uint64) error { return f.Call(ctx, stack) }))
	if got := mustCall(t, outer, "f", 2); got != 3 {
		t.Errorf("f(2) = %d", got)
	}
	_, err := call(t.Context(), t, outer, "f", 0)
	trap := wantTrap(t, err, engine.TrapHost)
	wantTrap(t, trap.Cause, engine.TrapDivide)
}

func testHostReentry(t *testing.T, e engine.Engine) {
	var inst engine.Instance
	var inside error
	inst = instantiate(t, e, caller(nil, nil), host(nil, nil, func(ctx context.Context, _ engine.Memory, _ []uint64) error {
		_, inside = call(ctx, t, inst, "f")
		return nil
	}))
	mustCall(t, inst, "f")
	if !errors.Is(inside, engine.ErrBusy) {
		t.Errorf("re-entry gave %v, want ErrBusy", inside)
	}
	mustCall(t, inst, "f")
}

var errHost = errors.New("unreachable") // reads like a trap, and is none

func testHostError(t *testing.T, e engine.Engine) {
	inst := instantiate(t, e, caller(nil, nil), host(nil, nil, func(context.Context, engine.Memory, []uint64) error { return errHost }))
	_, err := call(t.Context(), t, inst, "f")
	if trap := wantTrap(t, err, engine.TrapHost); !errors.Is(trap, errHost) {
		t.Errorf("trap %v does not wrap the error", trap)
	}
}

type exitError struct{ code int }

func (*exitError) Error() string             { return "exit" }
func (*exitError) TrapKind() engine.TrapKind { return engine.TrapExit }

func testHostKind(t *testing.T, e engine.Engine) {
	inst := instantiate(t, e, caller(nil, nil), host(nil, nil, func(context.Context, engine.Memory, []uint64) error {
		return errors.Join(errHost, &exitError{code: 3})
	}))
	_, err := call(t.Context(), t, inst, "f")
	wantTrap(t, err, engine.TrapExit)
	var exit *exitError
	if !errors.As(err, &exit) || exit.code != 3 {
		t.Errorf("trap %v does not wrap the error", err)
	}
}

func testHostPanics(t *testing.T, e engine.Engine) {
	panics := map[string]func(){
		"string":  func() { panic("boom") },
		"error":   func() { panic(errHost) },
		"nil":     func() { panic(nil) },
		"runtime": func() { _ = make([]int, 0)[len(t.Name())] },
		"trap":    func() { panic(&engine.Trap{Kind: engine.TrapUnreachable}) },
	}
	for name, f := range panics {
		t.Run(name, func(t *testing.T) {
			inst := instantiate(t, e, caller(nil, nil), host(nil, nil, func(context.Context, engine.Memory, []uint64) error {
				f()
				return nil
			}))
			_, err := call(t.Context(), t, inst, "f")
			trap, ok := err.(*engine.Trap)
			var p *engine.PanicError
			if !ok || !errors.As(trap.Cause, &p) {
				t.Fatalf("error is %v, want a trap by a PanicError", err)
			}
			if trap.Kind != engine.TrapHost {
				t.Errorf("kind is %v", trap.Kind)
			}
			if len(p.Stack) == 0 {
				t.Error("no stack")
			}
		})
	}
}

// twice is a module whose "f" calls "h" two times.
func twice() []byte {
	b := wt.New()
	h := b.ImportFunc("env", "h", nil, nil)
	b.Export("f", wt.KindFunc, b.Func(nil, nil, nil, wt.Code{}.Call(h).Call(h)))
	return b.Bytes()
}

func testHostContextEnds(t *testing.T, e engine.Engine) {
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	inst := instantiate(t, e, twice(), host(nil, nil, func(context.Context, engine.Memory, []uint64) error {
		calls++
		cancel()
		return nil
	}))
	_, err := call(ctx, t, inst, "f")
	if trap := wantTrap(t, err, engine.TrapCancelled); !errors.Is(trap, context.Canceled) || calls != 1 {
		t.Errorf("trap is %v after %d calls", trap, calls)
	}
}

// closeFunc closes something that a running call depends on.
type closeFunc func(context.Context, engine.Engine, engine.Code, engine.Instance) error

func closeInstance(ctx context.Context, _ engine.Engine, _ engine.Code, i engine.Instance) error {
	return i.Close(ctx)
}

func closeCode(ctx context.Context, _ engine.Engine, c engine.Code, _ engine.Instance) error {
	return c.Close(ctx)
}

func closeEngine(ctx context.Context, e engine.Engine, _ engine.Code, _ engine.Instance) error {
	return e.Close(ctx)
}

// testHostCloses checks that a guest which is closed during a call goes no further than
// its next host call, and that one which makes no other ends with ErrClosed.
func testHostCloses(wasm []byte, closeIt closeFunc) func(*testing.T, engine.Engine) {
	return func(t *testing.T, e engine.Engine) {
		var code engine.Code
		var inst engine.Instance
		calls := 0
		code = compile(t, e, wasm, host(nil, nil, func(ctx context.Context, _ engine.Memory, _ []uint64) error {
			calls++
			return closeIt(ctx, e, code, inst)
		}))
		var err error
		if inst, err = code.Instantiate(t.Context(), engine.InstanceOptions{}); err != nil {
			t.Fatal(err)
		}
		f := lookup(t, inst, "f")
		if err = f.Call(t.Context(), nil); !errors.Is(err, engine.ErrClosed) || calls != 1 {
			t.Errorf("error is %v after %d calls, want ErrClosed after 1", err, calls)
		}
		if err = f.Call(t.Context(), nil); !errors.Is(err, engine.ErrClosed) || calls != 1 {
			t.Errorf("next call gave %v", err)
		}
	}
}
