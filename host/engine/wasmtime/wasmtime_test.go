//go:build wasmtime && cgo

package wasmtime

import (
	"context"
	"os"
	"regexp"
	"testing"

	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/enginetest"
	asm "github.com/iprt/iprt/internal/wasmtest"
)

func TestSuite(t *testing.T) { enginetest.Run(t, New) }

// TestVersion compares the version in the name with the one that is linked.
func TestVersion(t *testing.T) {
	mod, err := os.ReadFile("../../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^\s*github.com/bytecodealliance/wasmtime-go/v39 (\S+)`).FindSubmatch(mod)
	if m == nil {
		t.Fatal("go.mod does not require wasmtime-go")
	}
	if string(m[1]) != version {
		t.Errorf("go.mod requires wasmtime-go %s, the engine says %s", m[1], version)
	}
}

func TestStackPerCall(t *testing.T) {
	for thread, want := range map[uint64]int{8 << 20: 2 << 20, 64 << 20: 2 << 20, 2 << 20: 512 << 10, 1 << 20: 0, 0: 0} {
		if got, err := stackPerCall(thread); got != want || (err != nil) != (want == 0) {
			t.Errorf("threads of %d: %d, %v", thread, got, err)
		}
	}
	if n := threadStack(); n < 1<<16 || n > 1<<40 {
		t.Errorf("threads have %d bytes", n)
	}
}

// recursor is a module whose "f" recurses as deep as its argument says and then calls the host.
func recursor() []byte {
	b := asm.New()
	h := b.ImportFunc("env", "h", nil, nil)
	b.Memory(1, 1)
	b.Export("f", asm.KindFunc, b.Func([]byte{asm.I32}, nil, nil, asm.Code{}.
		LocalGet(0).If(asm.Void).LocalGet(0).I32Const(1).Op(asm.OpI32Sub).Call(1).Raw(asm.OpElse).Call(h).End()))
	return b.Bytes()
}

// TestNestedStacks has guests that use up their stacks call one another.
func TestNestedStacks(t *testing.T) {
	e, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(t.Context())
	const nested, depth = 3, 5000
	level := 0
	var funcs [nested]engine.Func
	imp := engine.Import{Module: "env", Name: "h", Fn: func(ctx context.Context, _ engine.Memory, _ []uint64) error {
		if level++; level < nested {
			return funcs[level].Call(ctx, []uint64{depth})
		}
		return nil
	}}
	code, err := e.Compile(t.Context(), recursor(), []engine.Import{imp})
	if err != nil {
		t.Fatal(err)
	}
	for i := range funcs {
		inst, err := code.Instantiate(t.Context(), engine.InstanceOptions{})
		if err != nil {
			t.Fatal(err)
		}
		funcs[i], _ = inst.Func("f")
	}
	if err := funcs[0].Call(t.Context(), []uint64{depth}); err != nil || level != nested {
		t.Errorf("%d levels, %v", level, err)
	}
}

// TestClosedInstancesAreFreed makes and closes more instances than the address space has room for.
func TestClosedInstancesAreFreed(t *testing.T) {
	opened, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close(t.Context())
	imp := engine.Import{Module: "env", Name: "h", Fn: func(context.Context, engine.Memory, []uint64) error { return nil }}
	code, err := opened.Compile(t.Context(), recursor(), []engine.Import{imp})
	if err != nil {
		t.Fatal(err)
	}
	most := 0
	for range 50 * maxBuried {
		inst, err := code.Instantiate(t.Context(), engine.InstanceOptions{})
		if err != nil {
			t.Fatal(err)
		}
		f, _ := inst.Func("f")
		if err := f.Call(t.Context(), []uint64{1}); err != nil {
			t.Fatal(err)
		}
		inst.Memory().View(0, 1)
		if err := inst.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		dead := &opened.(*wasmtimeEngine).dead
		dead.mu.Lock()
		most = max(most, dead.buried.count)
		dead.mu.Unlock()
	}
	if most > 10*maxBuried {
		t.Errorf("up to %d closed instances were waiting", most)
	}
}
