package enginetest

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/iprt/iprt/host/engine"
)

var lifetimeTests = map[string]func(*testing.T, engine.Engine){
	"name":              testName,
	"close instance":    testCloses(closeInstance, false, false),
	"close code":        testCloses(closeCode, true, false),
	"close engine":      testCloses(closeEngine, true, true),
	"cancelled":         testCancelled,
	"memory outlives":   testMemoryOutlives,
	"closing race":      testClosingRace,
	"offers are copied": testOffersCopied,
}

func testName(t *testing.T, e engine.Engine) {
	if e.Name() == "" || strings.ContainsAny(e.Name(), "\n\t") {
		t.Errorf("Name = %q", e.Name())
	}
}

// testCloses checks what works after something was closed twice.
func testCloses(closeIt closeFunc, codeDead, engineDead bool) func(*testing.T, engine.Engine) {
	return func(t *testing.T, e engine.Engine) {
		wasm := grower(1)
		code := compile(t, e, wasm)
		var insts [2]engine.Instance
		var funcs [2]engine.Func
		for i := range insts {
			var err error
			if insts[i], err = code.Instantiate(t.Context(), engine.InstanceOptions{}); err != nil {
				t.Fatal(err)
			}
			funcs[i] = lookup(t, insts[i], "size")
		}
		for range 2 {
			if err := closeIt(t.Context(), e, code, insts[0]); err != nil {
				t.Fatalf("Close: %v", err)
			}
		}
		want := func(what string, err error, dead bool) {
			t.Helper()
			if dead && !errors.Is(err, engine.ErrClosed) || !dead && err != nil {
				t.Errorf("%s gave %v", what, err)
			}
		}
		stack := make([]uint64, 1)
		want("a call of the closed instance", funcs[0].Call(t.Context(), stack), true)
		want("a call of another instance", funcs[1].Call(t.Context(), stack), codeDead)
		if f, ok := insts[0].Func("get"); ok {
			want("a function of the closed instance", f.Call(t.Context(), stack), true)
		}
		_, err := code.Instantiate(t.Context(), engine.InstanceOptions{})
		want("Instantiate", err, codeDead)
		_, err = e.Compile(t.Context(), wasm, nil)
		want("Compile", err, engineDead)
		for _, i := range insts {
			if err := i.Close(t.Context()); err != nil {
				t.Errorf("Close of an instance: %v", err)
			}
		}
		if err := code.Close(t.Context()); err != nil {
			t.Errorf("Close of the code: %v", err)
		}
	}
}

// testCancelled checks that a context which has ended stops everything before it starts,
// and harms nothing.
func testCancelled(t *testing.T, e engine.Engine) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wasm := counter()
	if _, err := e.Compile(ctx, wasm, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Compile gave %v", err)
	}
	code := compile(t, e, wasm)
	if _, err := code.Instantiate(ctx, engine.InstanceOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Instantiate gave %v", err)
	}
	inst, err := code.Instantiate(t.Context(), engine.InstanceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = call(ctx, t, inst, "next"); !errors.Is(err, context.Canceled) {
		t.Errorf("Call gave %v", err)
	}
	if got := mustCall(t, inst, "next"); got != 2 {
		t.Errorf("first call gave %d: the cancelled one ran", got)
	}
	if err := inst.Close(ctx); err != nil {
		t.Errorf("Close gave %v", err)
	}
}

// testMemoryOutlives looks at a memory after its instance was closed.
func testMemoryOutlives(t *testing.T, e engine.Engine) {
	inst := instantiate(t, e, caller(nil, nil), host(nil, nil, nop))
	mem := inst.Memory()
	view, _ := mem.View(0, 5)
	if err := inst.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	mem.View(0, 5)
	mem.Size()
	inst.Memory()
	if string(view) != "guest" {
		t.Errorf("view became %q", view)
	}
	runtime.KeepAlive(inst)
}

// testClosingRace closes everything while other goroutines compile, instantiate and call.
func testClosingRace(t *testing.T, e engine.Engine) {
	wasm, imp := twice(), host(nil, nil, nop)
	code := compile(t, e, wasm, imp)
	shared, err := code.Instantiate(t.Context(), engine.InstanceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	check := func(err error) bool {
		if err != nil && !errors.Is(err, engine.ErrClosed) {
			t.Errorf("error is %v, want ErrClosed", err)
		}
		return err == nil
	}
	started := make(chan struct{}, 4)
	work := func() bool {
		own, err := e.Compile(t.Context(), wasm, []engine.Import{imp})
		if !check(err) {
			return false
		}
		for _, c := range []engine.Code{code, own} {
			inst, err := c.Instantiate(t.Context(), engine.InstanceOptions{})
			if !check(err) {
				return false
			}
			if f, ok := inst.Func("f"); ok && !check(f.Call(t.Context(), nil)) {
				return false
			}
			check(inst.Close(t.Context()))
		}
		return true
	}
	var wg sync.WaitGroup
	for range cap(started) {
		wg.Go(func() {
			work()
			started <- struct{}{}
			for work() {
			}
		})
	}
	for range cap(started) {
		<-started
	}
	wg.Go(func() { check(shared.Close(t.Context())) })
	wg.Go(func() { check(code.Close(t.Context())) })
	wg.Go(func() { check(e.Close(t.Context())) })
	wg.Wait()
}

// testOffersCopied overwrites what was offered after Compile.
func testOffersCopied(t *testing.T, e engine.Engine) {
	offers := []engine.Import{offer("env", "f", 1)}
	inst := instantiate(t, e, importer(), offers...)
	offers[0] = engine.Import{}
	if got := mustCall(t, inst, "f"); got != 1 {
		t.Errorf("f() = %d", got)
	}
}
