// Package enginetest is the suite that every engine passes.
//
// An implementation calls [Run] from its own tests, once for each of its modes:
//
//	enginetest.Run(t, func() (engine.Engine, error) { return New(Config{}) })
//
// The suite is what makes engines interchangeable: it fixes the kinds of traps, what
// happens to the unused half of a slot, and how calls, closes and contexts interleave.
package enginetest

import (
	"context"
	"errors"
	"testing"

	"github.com/iprt/iprt/host/engine"
)

// Run runs the suite. open returns a fresh engine; the suite closes it.
func Run(t *testing.T, open func() (engine.Engine, error)) {
	groups := map[string]map[string]func(*testing.T, engine.Engine){
		"calls":     callTests(),
		"features":  featureTests(),
		"imports":   importTests,
		"host":      hostTests,
		"globals":   globalTests,
		"memory":    memoryTests,
		"instances": instanceTests,
		"lifetime":  lifetimeTests,
		"artifacts": artifacts(),
	}
	for group, tests := range groups {
		t.Run(group, func(t *testing.T) {
			if len(tests) == 0 {
				t.Fatal("no tests")
			}
			for name, test := range tests {
				t.Run(name, func(t *testing.T) {
					e, err := open()
					if err != nil {
						t.Fatal(err)
					}
					defer func() {
						if err := e.Close(context.Background()); err != nil {
							t.Errorf("Close: %v", err)
						}
					}()
					test(t, e)
				})
			}
		})
	}
}

// compile is Compile for a module that has to compile.
func compile(t *testing.T, e engine.Engine, wasm []byte, imports ...engine.Import) engine.Code {
	t.Helper()
	code, err := e.Compile(t.Context(), wasm, imports)
	if err != nil {
		t.Fatalf("Compile: %v", err)
	}
	return code
}

// instantiate compiles and instantiates without limits.
func instantiate(t *testing.T, e engine.Engine, wasm []byte, imports ...engine.Import) engine.Instance {
	t.Helper()
	inst, err := compile(t, e, wasm, imports...).Instantiate(t.Context(), engine.InstanceOptions{})
	if err != nil {
		t.Fatalf("Instantiate: %v", err)
	}
	return inst
}

func lookup(t *testing.T, inst engine.Instance, name string) engine.Func {
	t.Helper()
	f, ok := inst.Func(name)
	if !ok {
		t.Fatalf("no function %q", name)
	}
	return f
}

// call calls an export with its arguments and returns the results.
func call(ctx context.Context, t *testing.T, inst engine.Instance, name string, args ...uint64) ([]uint64, error) {
	t.Helper()
	f := lookup(t, inst, name)
	stack := make([]uint64, f.Type().Slots())
	copy(stack, args)
	if err := f.Call(ctx, stack); err != nil {
		return nil, err
	}
	return stack[:len(f.Type().Results)], nil
}

// mustCall is call for one that returns at most one result.
func mustCall(t *testing.T, inst engine.Instance, name string, args ...uint64) uint64 {
	t.Helper()
	results, err := call(t.Context(), t, inst, name, args...)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if len(results) == 0 {
		return 0
	}
	return results[0]
}

// wantTrap checks that err is a trap of a kind, and returns it.
func wantTrap(t *testing.T, err error, kind engine.TrapKind) *engine.Trap {
	t.Helper()
	var trap *engine.Trap
	if !errors.As(err, &trap) {
		t.Fatalf("error is %T %v, want a trap", err, err)
	}
	if trap.Kind != kind {
		t.Fatalf("trap is %v (%v), want %v", trap.Kind, trap, kind)
	}
	return trap
}
