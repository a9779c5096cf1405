package engine_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
)

type kinder struct{ kind engine.TrapKind }

func (k *kinder) Error() string             { return "kinder" }
func (k *kinder) TrapKind() engine.TrapKind { return k.kind }

func TestHostTrap(t *testing.T) {
	plain := errors.New("plain")
	for name, tc := range map[string]struct {
		cause error
		kind  engine.TrapKind
	}{
		"plain":   {plain, engine.TrapHost},
		"kinder":  {&kinder{engine.TrapExit}, engine.TrapExit},
		"wrapped": {fmt.Errorf("more: %w", &kinder{engine.TrapAbort}), engine.TrapAbort},
		"a trap":  {&engine.Trap{Kind: engine.TrapDivide}, engine.TrapHost}, // of another instance
	} {
		trap := engine.NewHostTrap(tc.cause, "frames")
		if trap.Kind != tc.kind || !errors.Is(trap, tc.cause) || trap.Backtrace != "frames" {
			t.Errorf("%s: %+v", name, trap)
		}
	}
}

// TestKinds holds the names apart and stable in form: they are error codes.
func TestKinds(t *testing.T) {
	seen := make(map[string]bool)
	for kind := engine.TrapUnreachable; kind <= engine.TrapEngine; kind++ {
		name := kind.String()
		if seen[name] || strings.HasPrefix(name, "kind-") || strings.ToLower(name) != name || strings.Contains(name, " ") {
			t.Errorf("kind %d is called %q", kind, name)
		}
		seen[name] = true
		if trap := (&engine.Trap{Kind: kind}); trap.Code() != "trap-"+name || !strings.Contains(trap.Error(), name) {
			t.Errorf("kind %d: code %q, text %q", kind, trap.Code(), trap)
		}
	}
	for _, kind := range []engine.TrapKind{0, engine.TrapEngine + 1, 255} {
		if got, want := kind.String(), fmt.Sprintf("kind-%d", kind); got != want {
			t.Errorf("kind %d is called %q", uint8(kind), got)
		}
	}
}

func TestFuncType(t *testing.T) {
	a := engine.FuncType{Params: []abi.ValType{abi.I32, abi.F64}, Results: []abi.ValType{abi.I64}}
	if got, want := a.String(), "(i32, f64) -> (i64)"; got != want {
		t.Errorf("String = %q, want %q", got, want)
	}
	if a.Slots() != 2 || (engine.FuncType{Results: a.Params}).Slots() != 2 || (engine.FuncType{}).Slots() != 0 {
		t.Error("Slots is not the greater of the two numbers")
	}
	for _, b := range []engine.FuncType{
		{}, {Params: a.Params}, {Results: a.Results}, {Params: a.Results, Results: a.Params},
		{Params: []abi.ValType{abi.I32, abi.F32}, Results: a.Results},
	} {
		if a.Equal(b) || b.Equal(a) {
			t.Errorf("%v equals %v", a, b)
		}
	}
	if !(engine.FuncType{Params: []abi.ValType{}}).Equal(engine.FuncType{}) {
		t.Error("an empty list differs from none")
	}
}

func TestErrors(t *testing.T) {
	cause := errors.New("cause")
	a, b := engine.FuncType{}, engine.FuncType{Results: []abi.ValType{abi.I32}}
	for want, err := range map[string]error{
		"module does not compile: cause":                                      &engine.CompileError{Cause: cause},
		"module does not instantiate: cause":                                  &engine.InstantiateError{Cause: cause},
		"compiled code is damaged":                                            &engine.ArtifactError{Reason: "is damaged"},
		"compiled code is not accepted: cause":                                &engine.ArtifactError{Reason: "is not accepted", Cause: cause},
		"panic: cause":                                                        &engine.PanicError{Value: cause},
		"guest trapped (host-function): cause":                                engine.NewHostTrap(cause, ""),
		"module starts with 131072 bytes of memory, the limit is 65536":       &engine.MemoryLimitError{Need: 131072, Limit: 65536},
		`import "m" "\x1b" is missing`:                                        &engine.ImportError{Module: "m", Name: "\x1b", Reason: "is missing"},
		`import "m" "n" differs: module wants () -> (), host has () -> (i32)`: &engine.ImportError{Module: "m", Name: "n", Reason: "differs", Want: &a, Have: &b},
	} {
		if err.Error() != want {
			t.Errorf("%T: %q, want %q", err, err, want)
		}
		if strings.HasSuffix(want, "cause") != errors.Is(err, cause) {
			t.Errorf("%T does not wrap its cause", err)
		}
	}
	if (&engine.PanicError{Value: "text"}).Unwrap() != nil {
		t.Error("a panic with a text wraps something")
	}
}
