package deep

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/meter"
	"github.com/iprt/iprt/host/validate"
	"github.com/iprt/iprt/internal/engines"
)

// TestDeep: of functions made to have many values alive during calls, many more than their variables, the slots run out on every engine before its stack does, after as many
// frames.
func TestDeep(t *testing.T) {
	all := engines.All(t)
	for _, n := range []int{40, 190, 1600} {
		for name, wasm := range families(n) {
			t.Run(fmt.Sprintf("%s/%d", name, n), func(t *testing.T) {
				metered := rewrite(t, wasm)
				frames := map[string]uint64{}
				for engine, e := range all {
					frames[engine] = recurse(t, engine, e, metered)
				}
				for engine, n := range frames {
					if n != frames["compiler"] || n < 5 {
						t.Errorf("%s: %d frames, the compiler %d", engine, n, frames["compiler"])
					}
				}
			})
		}
	}
}

// rewrite validates as for strangers, compile time included, and meters.
func rewrite(t *testing.T, wasm []byte) []byte {
	t.Helper()
	info, err := validate.Module(wasm, validate.Rules{Set: validate.Shape})
	if err != nil {
		t.Fatal(err)
	}
	metered, err := meter.Rewrite(wasm, info, meter.Config{})
	if err != nil {
		t.Fatal(err)
	}
	estimate, err := validate.EstimateCompile(metered)
	if err == nil {
		err = estimate.Over(validate.Untrusted())
	}
	if err != nil {
		t.Fatal(err)
	}
	return metered
}

// recurse runs a family until its slots are used up, and gives the number of frames.
func recurse(t *testing.T, name string, e engine.Engine, metered []byte) uint64 {
	t.Helper()
	ctx := context.Background()
	code, err := e.Compile(ctx, metered, []engine.Import{{
		Module: meter.ImportModule, Name: meter.ImportSlice,
		Type: engine.FuncType{Params: []abi.ValType{abi.I64}, Results: []abi.ValType{abi.I64}},
		Fn:   func(context.Context, engine.Memory, []uint64) error { return errors.New("out of fuel") },
	}})
	if err != nil {
		t.Fatal(name, err)
	}
	inst, err := code.Instantiate(ctx, engine.InstanceOptions{})
	if err != nil {
		t.Fatal(name, err)
	}
	defer func() { _, _ = inst.Close(ctx), code.Close(ctx) }()
	global := func(name string) engine.Global {
		g, ok := inst.Global(name)
		if !ok {
			t.Fatalf("no global %s", name)
		}
		return g
	}
	global(meter.ExportFuel).Set(1 << 50)
	f, _ := inst.Func("f")
	err = f.Call(ctx, nil)
	var trap *engine.Trap
	if !errors.As(err, &trap) || trap.Kind != engine.TrapUnreachable || int32(global(meter.ExportDepth).Get()) >= 0 {
		t.Errorf("%s: %v after %d frames, depth %d", name, err, global("frames").Get(), int32(global(meter.ExportDepth).Get()))
	}
	return global("frames").Get()
}
