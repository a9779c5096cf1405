package wazero_test

import (
	"context"
	"fmt"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/wazero"
	wt "github.com/iprt/iprt/internal/wasmtest"
)

// A guest that asks its host for a number and doubles it.
func ExampleNew() {
	guest := wt.New()
	ask := guest.ImportFunc("env", "ask", nil, []byte{wt.I32})
	guest.Export("double", wt.KindFunc, guest.Func(nil, []byte{wt.I32}, nil,
		wt.Code{}.Call(ask).I32Const(2).Op(wt.OpI32Mul)))

	ctx := context.Background()
	e, err := wazero.New(wazero.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer e.Close(ctx)
	code, err := e.Compile(ctx, guest.Bytes(), []engine.Import{{
		Module: "env", Name: "ask",
		Type: engine.FuncType{Results: []abi.ValType{abi.I32}},
		Fn: func(_ context.Context, _ engine.Memory, stack []uint64) error {
			stack[0] = 21
			return nil
		},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	inst, err := code.Instantiate(ctx, engine.InstanceOptions{MaxMemoryBytes: 1 << 20})
	if err != nil {
		fmt.Println(err)
		return
	}
	double, _ := inst.Func("double")
	stack := make([]uint64, double.Type().Slots())
	err = double.Call(ctx, stack)
	fmt.Println(stack[0], err)
	// Output: 42 <nil>
}
