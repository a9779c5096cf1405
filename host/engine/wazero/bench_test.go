package wazero

import (
	"context"
	"testing"

	wz "github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
	wt "github.com/iprt/iprt/internal/wasmtest"
)

// The guest of the benchmarks: "add" has the shape of a role call, "ask" calls the host.
func benchGuest() []byte {
	b := wt.New()
	h := b.ImportFunc("env", "h", []byte{wt.I32, wt.I32, wt.I32}, []byte{wt.I32})
	b.Memory(1, 1)
	b.Export("add", wt.KindFunc, b.Func([]byte{wt.I32, wt.I32, wt.I32, wt.I32}, []byte{wt.I64}, nil,
		wt.Code{}.LocalGet(0).LocalGet(3).Op(wt.OpI32Add, wt.OpI64ExtendI32U)))
	b.Export("ask", wt.KindFunc, b.Func([]byte{wt.I32, wt.I32, wt.I32}, []byte{wt.I32}, nil,
		wt.Code{}.LocalGet(0).LocalGet(1).LocalGet(2).Call(h)))
	return b.Bytes()
}

var benchImport = engine.Import{
	Module: "env", Name: "h",
	Type: engine.FuncType{Params: []abi.ValType{abi.I32, abi.I32, abi.I32}, Results: []abi.ValType{abi.I32}},
	Fn:   func(context.Context, engine.Memory, []uint64) error { return nil },
}

func benchFunc(t testing.TB, cfg Config, name string) engine.Func {
	t.Helper()
	code, err := open(t, cfg).Compile(t.Context(), benchGuest(), []engine.Import{benchImport})
	if err != nil {
		t.Fatal(err)
	}
	inst, err := code.Instantiate(t.Context(), engine.InstanceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	f, ok := inst.Func(name)
	if !ok {
		t.Fatalf("no function %q", name)
	}
	return f
}

// TestCallAllocatesNothing holds for compiled code; the interpreter allocates its frames.
func TestCallAllocatesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, name := range []string{"add", "ask"} {
		f, stack := benchFunc(t, Config{}, name), make([]uint64, 4)
		allocs := testing.AllocsPerRun(100, func() {
			if err := f.Call(ctx, stack); err != nil {
				t.Error(err)
			}
		})
		if allocs != 0 {
			t.Errorf("a call of %q makes %v allocations", name, allocs)
		}
	}
}

// benchGlobal is a global of each mode.
func benchGlobal(t testing.TB, cfg Config) engine.Global {
	t.Helper()
	m := wt.New()
	m.Export("g", wt.KindGlobal, m.Global(wt.I64, true, wt.Code{}.I64Const(1)))
	code, err := open(t, cfg).Compile(t.Context(), m.Bytes(), nil)
	if err != nil {
		t.Fatal(err)
	}
	inst, err := code.Instantiate(t.Context(), engine.InstanceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	g, ok := inst.Global("g")
	if !ok {
		t.Fatal("no global")
	}
	return g
}

func TestGlobalAllocatesNothing(t *testing.T) {
	for mode, cfg := range modes {
		g := benchGlobal(t, cfg)
		if allocs := testing.AllocsPerRun(100, func() { g.Set(g.Get() + 1) }); allocs != 0 {
			t.Errorf("%s: reading and writing makes %v allocations", mode, allocs)
		}
	}
}

func BenchmarkGlobal(b *testing.B) {
	for mode, cfg := range modes {
		b.Run(mode, func(b *testing.B) {
			g := benchGlobal(b, cfg)
			for b.Loop() {
				g.Set(g.Get() + 1)
			}
		})
	}
}

func BenchmarkCall(b *testing.B) {
	for _, name := range []string{"add", "ask"} {
		b.Run(name, func(b *testing.B) {
			f, stack := benchFunc(b, Config{}, name), make([]uint64, 4)
			b.ReportAllocs()
			for b.Loop() {
				if err := f.Call(b.Context(), stack); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkBare is the same guest without the engine interface.
func BenchmarkBare(b *testing.B) {
	ctx := b.Context()
	rt := wz.NewRuntime(ctx)
	defer rt.Close(ctx)
	i32 := api.ValueTypeI32
	_, err := rt.NewHostModuleBuilder("env").NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(func(context.Context, api.Module, []uint64) {}),
			[]api.ValueType{i32, i32, i32}, []api.ValueType{i32}).
		Export("h").Instantiate(ctx)
	if err != nil {
		b.Fatal(err)
	}
	mod, err := rt.Instantiate(ctx, benchGuest())
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{"add", "ask"} {
		b.Run(name, func(b *testing.B) {
			f, stack := mod.ExportedFunction(name), make([]uint64, 4)
			b.ReportAllocs()
			for b.Loop() {
				if err := f.CallWithStack(ctx, stack); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkInstantiate is a fresh instance with a look-up and a call.
func BenchmarkInstantiate(b *testing.B) {
	code, err := open(b, Config{}).Compile(b.Context(), benchGuest(), []engine.Import{benchImport})
	if err != nil {
		b.Fatal(err)
	}
	stack := make([]uint64, 4)
	b.ReportAllocs()
	for b.Loop() {
		inst, err := code.Instantiate(b.Context(), engine.InstanceOptions{})
		if err != nil {
			b.Fatal(err)
		}
		f, _ := inst.Func("add")
		if err := f.Call(b.Context(), stack); err != nil {
			b.Fatal(err)
		}
		_ = inst.Close(b.Context())
	}
}
