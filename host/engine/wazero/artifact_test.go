package wazero

import (
	"bytes"
	"errors"
	"os"
	"runtime"
	"testing"
	"time"

	wz "github.com/tetratelabs/wazero"

	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/internal/envelope"
)

func openCompiler(t testing.TB) engine.Precompiler {
	t.Helper()
	p, ok := open(t, Config{}).(engine.Precompiler)
	if !ok {
		t.Skip("wazero has no compiler for this machine")
	}
	return p
}

// TestInterpreterKeepsNothing holds the capability to engines that have it.
func TestInterpreterKeepsNothing(t *testing.T) {
	if _, ok := open(t, Config{Interpreter: true}).(engine.Precompiler); ok {
		t.Error("the interpreter is a Precompiler")
	}
}

// TestArtifactOfAnotherEngine loads in one engine what another compiled.
func TestArtifactOfAnotherEngine(t *testing.T) {
	wasm := benchGuest()
	artifact, err := openCompiler(t).Precompile(t.Context(), wasm)
	if err != nil {
		t.Fatal(err)
	}
	again, err := openCompiler(t).Precompile(t.Context(), wasm)
	if err != nil || !bytes.Equal(artifact, again) {
		t.Errorf("compiling again gave another artifact, or %v", err)
	}
	code, err := openCompiler(t).CompileFrom(t.Context(), wasm, artifact, []engine.Import{benchImport})
	if err != nil {
		t.Fatal(err)
	}
	inst, err := code.Instantiate(t.Context(), engine.InstanceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	add, _ := inst.Func("add")
	stack := []uint64{2, 0, 0, 3}
	if err := add.Call(t.Context(), stack); err != nil || stack[0] != 5 {
		t.Errorf("add = %d, %v", stack[0], err)
	}
}

// TestForgedArtifact has the envelope vouch for bytes that wazero must not see. What the
// inner checks let through is code, which nothing here can judge.
func TestForgedArtifact(t *testing.T) {
	e, wasm := openCompiler(t), benchGuest()
	artifact, err := e.Precompile(t.Context(), wasm)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := envelope.Open(e.Name(), wasm, artifact)
	if err != nil {
		t.Fatal(err)
	}
	try := func(what string, at int, forged []byte) {
		t.Helper()
		code, err := e.CompileFrom(t.Context(), wasm, envelope.Seal(e.Name(), wasm, forged), []engine.Import{benchImport})
		var a *engine.ArtifactError
		if code != nil || !errors.As(err, &a) {
			t.Errorf("%s at %d: error is %v", what, at, err)
		}
	}
	version := bytes.Index(payload, []byte("WAZEVO")) + len("WAZEVO")
	offsets := version + 1 + int(payload[version]) + 4
	for i := range payload {
		try("cut", i, payload[:i])
		if i == offsets || i == offsets+8 {
			continue // wrong, but perhaps still in the code: below 256
		}
		for bit := range 8 {
			bad := bytes.Clone(payload)
			bad[i] ^= 1 << bit
			try("flipped", i, bad)
		}
	}
}

// TestInstall meets a wazero that has changed.
func TestInstall(t *testing.T) {
	type other struct {
		wz.CompilationCache
		fileCache interface{ Unknown() }
	}
	for name, cache := range map[string]wz.CompilationCache{
		"another type": other{}, "another field": &struct{ wz.CompilationCache }{}, "another interface": &other{fileCache: nil},
	} {
		if err := new(exchange).install(cache); err == nil {
			t.Errorf("%s: installed", name)
		}
	}
	if err := new(exchange).install(wz.NewCompilationCache()); err != nil {
		t.Error(err)
	}
}

// TestArtifactsLeaveNothing loads and closes many, and looks for what is left.
func TestArtifactsLeaveNothing(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("counts files and mappings in /proc")
	}
	e, wasm := openCompiler(t), benchGuest()
	artifact, err := e.Precompile(t.Context(), wasm)
	if err != nil {
		t.Fatal(err)
	}
	load := func() {
		code, err := e.CompileFrom(t.Context(), wasm, artifact, []engine.Import{benchImport})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := code.Instantiate(t.Context(), engine.InstanceOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := code.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	load()
	temp, files, goroutines := t.TempDir(), entries(t, "/proc/self/fd"), runtime.NumGoroutine()
	t.Setenv("TMPDIR", temp)
	before := mappings(t)
	const loads = 200
	for range loads {
		load()
	}
	// wazero unmaps in finalizers.
	deadline := time.Now().Add(10 * time.Second)
	for mappings(t) > before+loads/4 && time.Now().Before(deadline) {
		runtime.GC()
		runtime.Gosched()
	}
	if after := mappings(t); after > before+loads/4 {
		t.Errorf("%d mappings before, %d after", before, after)
	}
	if n := entries(t, "/proc/self/fd"); n > files {
		t.Errorf("%d open files before, %d after", files, n)
	}
	if n := entries(t, temp); n != 0 {
		t.Errorf("%d temporary files are left", n)
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines before, %d after", goroutines, n)
	}
}

func entries(t *testing.T, dir string) int {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func mappings(t *testing.T) int {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(maps, []byte("\n"))
}

// BenchmarkArtifact compares ways to get code.
func BenchmarkArtifact(b *testing.B) {
	e, wasm, imports := openCompiler(b), benchGuest(), []engine.Import{benchImport}
	artifact, err := e.Precompile(b.Context(), wasm)
	if err != nil {
		b.Fatal(err)
	}
	for name, get := range map[string]func() (engine.Code, error){
		"compile": func() (engine.Code, error) { return e.Compile(b.Context(), wasm, imports) },
		"load":    func() (engine.Code, error) { return e.CompileFrom(b.Context(), wasm, artifact, imports) },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				code, err := get()
				if err != nil {
					b.Fatal(err)
				}
				_ = code.Close(b.Context())
			}
		})
	}
}
