//go:build wasmtime && cgo

package wasmtime

import (
	"context"
	"testing"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
	asm "github.com/iprt/iprt/internal/wasmtest"
)

// benchInstance runs the guest of package wazero's benchmarks: "add" has the shape of a role call, "ask" calls the host.
func benchInstance(b *testing.B) engine.Instance {
	b.Helper()
	m := asm.New()
	h := m.ImportFunc("env", "h", []byte{asm.I32, asm.I32, asm.I32}, []byte{asm.I32})
	m.Memory(1, 1)
	m.Export("g", asm.KindGlobal, m.Global(asm.I64, true, asm.Code{}.I64Const(1)))
	m.Export("add", asm.KindFunc, m.Func([]byte{asm.I32, asm.I32, asm.I32, asm.I32}, []byte{asm.I64}, nil,
		asm.Code{}.LocalGet(0).LocalGet(3).Op(asm.OpI32Add, asm.OpI64ExtendI32U)))
	m.Export("ask", asm.KindFunc, m.Func([]byte{asm.I32, asm.I32, asm.I32}, []byte{asm.I32}, nil,
		asm.Code{}.LocalGet(0).LocalGet(1).LocalGet(2).Call(h)))
	e, err := New()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = e.Close(context.Background()) })
	i32 := abi.I32
	code, err := e.Compile(b.Context(), m.Bytes(), []engine.Import{{
		Module: "env", Name: "h", Type: engine.FuncType{Params: []abi.ValType{i32, i32, i32}, Results: []abi.ValType{i32}},
		Fn: func(context.Context, engine.Memory, []uint64) error { return nil },
	}})
	if err != nil {
		b.Fatal(err)
	}
	inst, err := code.Instantiate(b.Context(), engine.InstanceOptions{})
	if err != nil {
		b.Fatal(err)
	}
	return inst
}

func BenchmarkCall(b *testing.B) {
	for _, name := range []string{"add", "ask"} {
		b.Run(name, func(b *testing.B) {
			f, _ := benchInstance(b).Func(name)
			stack := make([]uint64, 4)
			b.ReportAllocs()
			for b.Loop() {
				if err := f.Call(b.Context(), stack); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkGlobal(b *testing.B) {
	g, _ := benchInstance(b).Global("g")
	b.ReportAllocs()
	for b.Loop() {
		g.Set(g.Get() + 1)
	}
}
