package wazero

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/tetratelabs/wazero/api"

	"github.com/iprt/iprt/host/engine"
	wt "github.com/iprt/iprt/internal/wasmtest"
)

// deepGuest's "deep" calls itself as often as it is told to, then the host,
// which calls at.
func deepGuest(t *testing.T, cfg Config, at func()) engine.Code {
	t.Helper()
	m := wt.New()
	h := m.ImportFunc("env", "h", nil, nil)
	m.Export("deep", wt.KindFunc, m.Func([]byte{wt.I32}, []byte{wt.I32}, []wt.Local{{Count: 200, Type: wt.I64}},
		wt.Code{}.LocalGet(0).Op(wt.OpI32Eqz).If(wt.Void).Call(h).I32Const(0).Raw(0x0f).End().
			LocalGet(0).I32Const(1).Op(wt.OpI32Sub).Call(h+1).LocalGet(0).Op(wt.OpI32Add)))
	code, err := open(t, cfg).Compile(t.Context(), m.Bytes(), []engine.Import{{Module: "env", Name: "h",
		Fn: func(context.Context, engine.Memory, []uint64) error { at(); return nil }}})
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// TestStackIsFound: this wazero keeps the stack where stackOf looks, in both modes.
func TestStackIsFound(t *testing.T) {
	for mode, cfg := range modes {
		f := benchFunc(t, cfg, "add").(*function)
		if f.stack.unit == 0 || f.stack.large() {
			t.Errorf("%s: %d bytes, in elements of %d", mode, f.stack.size(), f.stack.unit)
		}
		fn := f.fn
		if err := f.Call(t.Context(), make([]uint64, 4)); err != nil {
			t.Error(err)
		}
		if f.fn != fn {
			t.Errorf("%s: the handle was given up after a small call", mode)
		}
	}
}

// renamed is a handle whose stack is where nobody looks.
type renamed struct{ api.Function }

// TestStackIsNotFound: with a wazero that keeps it elsewhere no handle is kept.
func TestStackIsNotFound(t *testing.T) {
	f := benchFunc(t, Config{}, "add").(*function)
	for _, fn := range []api.Function{renamed{f.fn}, &renamed{f.fn}} {
		f.fn, f.stack = fn, stackOf(fn)
		if err := f.Call(t.Context(), make([]uint64, 4)); err != nil {
			t.Error(err)
		}
		if f.fn != nil || f.stack.size() != 0 {
			t.Error("a handle was kept whose stack is not known")
		}
	}
	if err := f.Call(t.Context(), make([]uint64, 4)); err != nil || f.fn == nil {
		t.Errorf("after that: %v", err)
	}
}

// TestDeepStacks: what deep calls needed can be seen while they run, and is not kept by
// their instances, however they ended.
func TestDeepStacks(t *testing.T) {
	for mode, c := range map[string]struct {
		cfg   Config
		depth uint64
	}{"compiler": {Config{}, 60_000}, "interpreter": {Config{Interpreter: true}, 1500}} {
		t.Run(mode, func(t *testing.T) {
			const instances, most = 12, 1 << 20
			var inst engine.Instance
			var during uint64
			code := deepGuest(t, c.cfg, func() { during = inst.(*instance).StackBytes() })
			var kept []engine.Instance
			before := inUse()
			for i := range instances {
				var err error
				if inst, err = code.Instantiate(t.Context(), engine.InstanceOptions{}); err != nil {
					t.Fatal(err)
				}
				kept = append(kept, inst)
				f, _ := inst.Func("deep")
				during = 0
				for range 2 { // the second with a handle that was looked up anew
					stack := []uint64{c.depth}
					if err := f.Call(t.Context(), stack); err != nil || stack[0] != c.depth*(c.depth+1)/2 {
						t.Fatalf("got %d, %v", stack[0], err)
					}
					if during < 2*most || inst.(*instance).StackBytes() != 0 {
						t.Fatalf("the stack had %d bytes, and %d after the call", during, inst.(*instance).StackBytes())
					}
				}
				if i < 2 {
					var trap *engine.Trap
					if err := f.Call(t.Context(), []uint64{1 << 30}); !errors.As(err, &trap) || trap.Kind != engine.TrapStack {
						t.Errorf("got %v", err)
					}
				}
			}
			if after := inUse(); after > before+instances*most/2 {
				t.Errorf("%d instances keep %d bytes after calls that needed %d each", instances, after-before, during)
			}
			runtime.KeepAlive(kept)
		})
	}
}

// inUse is what the heap takes after a collection.
func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}
