package artifact_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/iprt/iprt/host/artifact"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/wazero"
	"github.com/iprt/iprt/internal/wasmtest"
)

// precompiler is the real thing, in the child and here.
func precompiler() (engine.Precompiler, error) {
	e, err := wazero.New(wazero.Config{})
	if err != nil {
		return nil, err
	}
	p, ok := e.(engine.Precompiler)
	if !ok {
		return nil, errors.New("no compiler on this processor")
	}
	return p, nil
}

// loops is a function of empty loops, one after the other, on which the compiler
// spends time out of all proportion.
func loops(n int) []byte {
	b := wasmtest.New()
	b.Func(nil, nil, nil, bytes.Repeat([]byte{0x03, 0x40, 0x0b}, n))
	return b.Bytes()
}

// A bomb ends the child that compiles it, and nothing else; the next module is
// compiled as if nothing had been.
func TestCompileBomb(t *testing.T) {
	if _, err := precompiler(); err != nil {
		t.Skip("no engine here keeps compiled code: ", err)
	}
	cfg := config(t)
	cfg.Child = artifact.Child{Args: []string{"child", "wazero"}, MaxTime: 30 * time.Second, MaxCPU: time.Second, MaxMemory: 512 << 20}
	s := open(t, cfg)
	bomb := loops(40_000)
	begun := time.Now()
	_, err := s.Compile(t.Context(), bomb)
	e, ok := errors.AsType[*artifact.ChildError](err)
	if !ok || e.Code() != "compile-limit" {
		t.Fatalf("a bomb of %d bytes, after %s: %v", len(bomb), time.Since(begun), err)
	}
	t.Logf("%d bytes: %v", len(bomb), err)
	if _, err := s.Compile(t.Context(), loops(2)); err != nil {
		t.Fatal(err)
	}
}

// What the child made runs here, from the cache too.
func TestArtifactsRun(t *testing.T) {
	p, err := precompiler()
	if err != nil {
		t.Skip("no engine here keeps compiled code: ", err)
	}
	defer p.Close(t.Context())
	b := wasmtest.New()
	b.Export("f", 0, b.Func(nil, []byte{0x7f}, nil, wasmtest.Code{}.I32Const(42)))
	module := b.Bytes()
	cfg := config(t)
	cfg.Child = artifact.Child{Args: []string{"child", "wazero"}}
	s := open(t, cfg)
	blob, err := s.Compile(t.Context(), module)
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, key(t, "m"), blob)
	got, ok := s.Get(t.Context(), key(t, "m"))
	if !ok || !bytes.Equal(got, blob) {
		t.Fatal("lost on the way")
	}
	code, err := p.CompileFrom(t.Context(), module, got, nil)
	if err != nil {
		t.Fatal(err)
	}
	inst, err := code.Instantiate(t.Context(), engine.InstanceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	f, ok := inst.Func("f")
	stack := []uint64{0}
	if !ok {
		t.Fatal("no function")
	}
	if err := f.Call(t.Context(), stack); err != nil || stack[0] != 42 {
		t.Fatalf("%v, %v", stack, err)
	}
	// What the engine refuses here it refuses there, in its own words.
	_, err = s.Compile(t.Context(), []byte("\x00asm\x01\x00\x00\x00\x0a\x01\x05"))
	if e, ok := errors.AsType[*artifact.ChildError](err); !ok || e.Failure != artifact.FailedRefused || e.Text == "" {
		t.Errorf("%v", err)
	}
}
