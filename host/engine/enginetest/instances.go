package enginetest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
	wt "github.com/iprt/iprt/internal/wasmtest"
)

var instanceTests = map[string]func(*testing.T, engine.Engine){
	"runs nothing":            testRunsNothing,
	"exports":                 testExports,
	"isolated":                testIsolated,
	"concurrent instances":    testConcurrentInstances,
	"concurrent calls of one": testConcurrentCalls,
	"short stack":             testShortStack,
}

// testRunsNothing has the exports that toolchains take for start functions.
func testRunsNothing(t *testing.T, e engine.Engine) {
	b := wt.New()
	ran := b.Global(wt.I32, true, wt.Code{}.I32Const(0))
	f := b.Func(nil, nil, nil, wt.Code{}.I32Const(1).GlobalSet(ran))
	for _, name := range []string{"_start", "_initialize", "__wasm_call_ctors"} {
		b.Export(name, wt.KindFunc, f)
	}
	b.Export("ran", wt.KindFunc, b.Func(nil, types(wt.I32), nil, wt.Code{}.GlobalGet(ran)))
	inst := instantiate(t, e, b.Bytes())
	if mustCall(t, inst, "ran") != 0 {
		t.Error("instantiation ran guest code")
	}
	mustCall(t, inst, "_initialize")
	if mustCall(t, inst, "ran") != 1 {
		t.Error("_initialize did not run")
	}
}

func testExports(t *testing.T, e engine.Engine) {
	b := wt.New()
	h := b.ImportFunc("env", "h", nil, nil)
	good := b.Func(types(wt.I32, wt.F64), types(wt.I64), nil, wt.Code{}.I64Const(0))
	vector := b.Func(types(wt.V128), nil, nil, wt.Code{})
	ref := b.Func(nil, types(wt.FuncRef), nil, wt.Code{}.RefNull(wt.FuncRef))
	b.Memory(1, 1)
	b.Global(wt.I32, false, wt.Code{}.I32Const(0))
	b.Export("good", wt.KindFunc, good)
	b.Export("good again", wt.KindFunc, good)
	b.Export("", wt.KindFunc, good)
	b.Export("vector", wt.KindFunc, vector)
	b.Export("reference", wt.KindFunc, ref)
	b.Export("imported", wt.KindFunc, h)
	b.Export("memory", wt.KindMemory, 0)
	b.Export("global", wt.KindGlobal, 0)
	inst := instantiate(t, e, b.Bytes(), host(nil, nil, nop))
	want := engine.FuncType{Params: []abi.ValType{abi.I32, abi.F64}, Results: []abi.ValType{abi.I64}}
	for _, name := range []string{"good", "good again", "", "good"} {
		if f, ok := inst.Func(name); !ok || !f.Type().Equal(want) {
			t.Errorf("Func(%q) = %v, %v", name, f, ok)
		}
	}
	for _, name := range []string{"absent", "vector", "reference", "imported", "memory", "global", "absent"} {
		if f, ok := inst.Func(name); ok || f != nil {
			t.Errorf("Func(%q) = %v, %v", name, f, ok)
		}
	}
}

// counter has a global, a byte of memory and an element of a table that "next" changes.
func counter() []byte {
	b := wt.New()
	g := b.Global(wt.I32, true, wt.Code{}.I32Const(0))
	b.Table(0, 100)
	b.Memory(1, 1)
	b.Export("next", wt.KindFunc, b.Func(nil, types(wt.I32), nil, wt.Code{}.
		GlobalGet(g).I32Const(1).Op(wt.OpI32Add).GlobalSet(g).
		I32Const(0).I32Const(0).Mem(wt.OpI32Load, 0, 0).I32Const(1).Op(wt.OpI32Add).Mem(wt.OpI32Store, 0, 0).
		RefNull(wt.FuncRef).I32Const(1).TableGrow().
		GlobalGet(g).Op(wt.OpI32Add).I32Const(0).Mem(wt.OpI32Load, 0, 0).Op(wt.OpI32Add)))
	return b.Bytes()
}

func testIsolated(t *testing.T, e engine.Engine) {
	code := compile(t, e, counter())
	for range 2 {
		inst, err := code.Instantiate(t.Context(), engine.InstanceOptions{})
		if err != nil {
			t.Fatal(err)
		}
		// The n-th call adds n of the global, n of the memory and n−1 of the table.
		for n := uint64(1); n <= 3; n++ {
			if got := mustCall(t, inst, "next"); got != 3*n-1 {
				t.Errorf("call %d gave %d, want %d", n, got, 3*n-1)
			}
		}
	}
}

func testConcurrentInstances(t *testing.T, e engine.Engine) {
	const goroutines, rounds, calls = 8, 5, 20
	// "f" calls the host, which counts in the guest's memory.
	code := compile(t, e, caller(nil, nil), host(nil, nil, func(_ context.Context, mem engine.Memory, _ []uint64) error {
		m, ok := mem.View(100, 1)
		if !ok {
			return errors.New("no memory")
		}
		m[0]++
		return nil
	}))
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range rounds {
				inst, err := code.Instantiate(t.Context(), engine.InstanceOptions{MaxMemoryBytes: page})
				if err != nil {
					t.Error(err)
					return
				}
				f, _ := inst.Func("f")
				for range calls {
					if err := f.Call(t.Context(), nil); err != nil {
						t.Error(err)
					}
				}
				if m, _ := inst.Memory().View(100, 1); m[0] != calls {
					t.Errorf("%d calls were counted, want %d", m[0], calls)
				}
				if err := inst.Close(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// testConcurrentCalls calls one instance from many goroutines: that is a mistake, and has
// to come to nothing worse than errors.
func testConcurrentCalls(t *testing.T, e engine.Engine) {
	var inside, served atomic.Int32
	inst := instantiate(t, e, caller(nil, nil), host(nil, nil, func(context.Context, engine.Memory, []uint64) error {
		if inside.Add(1) != 1 {
			t.Error("two calls run at once")
		}
		served.Add(1)
		inside.Add(-1)
		return nil
	}))
	f := lookup(t, inst, "f")
	var wg sync.WaitGroup
	var good atomic.Int32
	for range 8 {
		wg.Go(func() {
			for range 100 {
				switch err := f.Call(t.Context(), nil); {
				case err == nil:
					good.Add(1)
				case !errors.Is(err, engine.ErrBusy):
					t.Errorf("error is %v, want ErrBusy", err)
				}
			}
		})
	}
	wg.Wait()
	if good.Load() == 0 || good.Load() != served.Load() {
		t.Errorf("%d calls succeeded, %d were served", good.Load(), served.Load())
	}
}

func testShortStack(t *testing.T, e engine.Engine) {
	inst := instantiate(t, e, guest(types(wt.I32), types(wt.I32, wt.I32), wt.Code{}.LocalGet(0).LocalGet(0)))
	f := lookup(t, inst, "f")
	for n := range 2 {
		if err := f.Call(t.Context(), make([]uint64, n)); !errors.Is(err, engine.ErrStack) {
			t.Errorf("stack of %d gave %v, want ErrStack", n, err)
		}
	}
	long := []uint64{1, 0, 3}
	if err := f.Call(t.Context(), long); err != nil || long[1] != 1 || long[2] != 3 {
		t.Errorf("stack of 3 gave %v and became %d", err, long)
	}
}
