package enginetest

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
	wt "github.com/iprt/iprt/internal/wasmtest"
)

// artifactTests are for engines that are [engine.Precompiler]s; others skip them.
var artifactTests = map[string]func(*testing.T, engine.Precompiler){
	"runs":               testArtifactRuns,
	"without functions":  testArtifactEmpty,
	"binds imports":      testArtifactBinds,
	"reused and changed": testArtifactReused,
	"damaged":            testArtifactDamaged,
	"of another module":  testArtifactForeign,
	"refused modules":    testArtifactRefused,
	"cancelled":          testArtifactCancelled,
	"closed":             testArtifactClosed,
	"closed with engine": testArtifactClosedWithEngine,
}

func artifacts() map[string]func(*testing.T, engine.Engine) {
	tests := make(map[string]func(*testing.T, engine.Engine))
	for name, test := range artifactTests {
		tests[name] = func(t *testing.T, e engine.Engine) {
			p, ok := e.(engine.Precompiler)
			if !ok {
				t.Skip("this engine keeps no compiled code")
			}
			test(t, p)
		}
	}
	return tests
}

func precompile(t *testing.T, e engine.Precompiler, wasm []byte) []byte {
	t.Helper()
	artifact, err := e.Precompile(t.Context(), wasm)
	if err != nil {
		t.Fatalf("Precompile: %v", err)
	}
	return artifact
}

func compileFrom(t *testing.T, e engine.Precompiler, wasm, artifact []byte, imports ...engine.Import) engine.Code {
	t.Helper()
	code, err := e.CompileFrom(t.Context(), wasm, artifact, imports)
	if err != nil {
		t.Fatalf("CompileFrom: %v", err)
	}
	return code
}

func newInstance(t *testing.T, code engine.Code) engine.Instance {
	t.Helper()
	inst, err := code.Instantiate(t.Context(), engine.InstanceOptions{MaxMemoryBytes: 2 * page})
	if err != nil {
		t.Fatalf("Instantiate: %v", err)
	}
	return inst
}

func wantArtifactError(t *testing.T, what string, err error) {
	t.Helper()
	var a *engine.ArtifactError
	if !errors.As(err, &a) {
		t.Errorf("%s: error is %T %v, want an ArtifactError", what, err, err)
	}
}

// testArtifactRuns has every call case run from an artifact, too: traps, tables, memory.
func testArtifactRuns(t *testing.T, e engine.Precompiler) {
	for name, c := range callCases {
		t.Run(name, func(t *testing.T) {
			code := compileFrom(t, e, c.wasm, precompile(t, e, c.wasm))
			c.check(t, newInstance(t, code))
			if err := code.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wasm := named("walk", "parse_header")
	_, err := call(t.Context(), t, newInstance(t, compileFrom(t, e, wasm, precompile(t, e, wasm))), "f")
	if trap := wantTrap(t, err, engine.TrapUnreachable); !bytes.Contains([]byte(trap.Backtrace), []byte("parse_header")) {
		t.Errorf("backtrace is %q", trap.Backtrace)
	}
}

func testArtifactEmpty(t *testing.T, e engine.Precompiler) {
	b := wt.New()
	b.Memory(1, 1)
	b.Data(0, []byte("data"))
	wasm := b.Bytes()
	inst := newInstance(t, compileFrom(t, e, wasm, precompile(t, e, wasm)))
	if m, ok := inst.Memory().View(0, 4); !ok || string(m) != "data" {
		t.Errorf("memory starts with %q, %v", m, ok)
	}
}

func testArtifactBinds(t *testing.T, e engine.Precompiler) {
	wasm := accountant()
	artifact := precompile(t, e, wasm)
	for n := range uint64(2) {
		var g engine.Global
		inst := newInstance(t, compileFrom(t, e, wasm, artifact, host(nil, nil, func(context.Context, engine.Memory, []uint64) error {
			g.Set(g.Get() + n)
			return nil
		})))
		g = wantGlobal(t, inst, "g")
		if got := mustCall(t, inst, "f", 5); got != 10+n {
			t.Errorf("f(5) = %d, want %d", got, 10+n)
		}
	}
	_, err := e.CompileFrom(t.Context(), wasm, artifact, nil)
	var missing *engine.ImportError
	if !errors.As(err, &missing) {
		t.Errorf("without the import: error is %v, want an ImportError", err)
	}
	_, err = e.CompileFrom(t.Context(), wasm, artifact, []engine.Import{host([]abi.ValType{abi.I32}, nil, nop)})
	if !errors.As(err, &missing) || missing.Want == nil {
		t.Errorf("with another import: error is %v, want an ImportError", err)
	}
}

// testArtifactReused overwrites the artifact after it was used, next to code compiled here.
func testArtifactReused(t *testing.T, e engine.Precompiler) {
	wasm := counter()
	artifact := precompile(t, e, wasm)
	codes := []engine.Code{compile(t, e, wasm), compileFrom(t, e, wasm, artifact), compileFrom(t, e, wasm, artifact)}
	clear(artifact)
	for i, code := range codes {
		if got := mustCall(t, newInstance(t, code), "next"); got != 2 {
			t.Errorf("code %d: first call gave %d", i, got)
		}
		if err := code.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func testArtifactDamaged(t *testing.T, e engine.Precompiler) {
	wasm := counter()
	artifact := precompile(t, e, wasm)
	try := func(what string, bytes []byte) {
		t.Helper()
		_, err := e.CompileFrom(t.Context(), wasm, bytes, nil)
		wantArtifactError(t, what, err)
	}
	try("nothing", nil)
	try("the module itself", wasm)
	try("one byte more", append(bytes.Clone(artifact), 0))
	for i := 0; i < len(artifact); i += 1 + len(artifact)/200 {
		try("cut", artifact[:i])
		bad := bytes.Clone(artifact)
		bad[i] ^= 1 << (i % 8)
		try("one bit flipped", bad)
	}
	if got := mustCall(t, newInstance(t, compileFrom(t, e, wasm, artifact)), "next"); got != 2 {
		t.Errorf("after all that the good one gave %d", got)
	}
}

func testArtifactForeign(t *testing.T, e engine.Precompiler) {
	artifact := precompile(t, e, grower(1))
	for name, wasm := range map[string][]byte{"counter": counter(), "grower(2)": grower(2)} {
		_, err := e.CompileFrom(t.Context(), wasm, artifact, nil)
		wantArtifactError(t, name, err)
	}
}

func testArtifactRefused(t *testing.T, e engine.Precompiler) {
	good := precompile(t, e, grower(1))
	for name, wasm := range map[string][]byte{
		"empty": nil, "no module": []byte("not a module"), "cut": wt.Header[:7], "start section": startModule(),
		"type error": guest(nil, types(wt.I32), wt.Code{}),
	} {
		_, err := e.Precompile(t.Context(), wasm)
		var compile *engine.CompileError
		if !errors.As(err, &compile) {
			t.Errorf("%s: error is %T %v, want a CompileError", name, err, err)
		}
		if _, err = e.CompileFrom(t.Context(), wasm, good, nil); err == nil {
			t.Errorf("%s: compiled from the artifact of another module", name)
		}
	}
	_, err := e.Precompile(t.Context(), importing(wt.KindGlobal, []byte{wt.I32, 0}))
	var imp *engine.ImportError
	if !errors.As(err, &imp) {
		t.Errorf("imported global: error is %T %v, want an ImportError", err, err)
	}
}

func testArtifactCancelled(t *testing.T, e engine.Precompiler) {
	wasm := counter()
	artifact := precompile(t, e, wasm)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Precompile(ctx, wasm); !errors.Is(err, context.Canceled) {
		t.Errorf("Precompile gave %v", err)
	}
	if _, err := e.CompileFrom(ctx, wasm, artifact, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("CompileFrom gave %v", err)
	}
}

func testArtifactClosed(t *testing.T, e engine.Precompiler) {
	wasm := counter()
	artifact := precompile(t, e, wasm)
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Precompile(t.Context(), wasm); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("Precompile gave %v", err)
	}
	if _, err := e.CompileFrom(t.Context(), wasm, artifact, nil); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("CompileFrom gave %v", err)
	}
}

// testArtifactClosedWithEngine closes all there is while a call runs.
func testArtifactClosedWithEngine(t *testing.T, e engine.Precompiler) {
	wasm := twice()
	artifact := precompile(t, e, wasm)
	for _, closeIt := range []closeFunc{closeInstance, closeCode, closeEngine} {
		var code engine.Code
		var inst engine.Instance
		calls := 0
		code = compileFrom(t, e, wasm, artifact, host(nil, nil, func(ctx context.Context, _ engine.Memory, _ []uint64) error {
			calls++
			return closeIt(ctx, e, code, inst)
		}))
		inst = newInstance(t, code)
		if err := lookup(t, inst, "f").Call(t.Context(), nil); !errors.Is(err, engine.ErrClosed) || calls != 1 {
			t.Errorf("error is %v after %d calls, want ErrClosed after 1", err, calls)
		}
	}
}
