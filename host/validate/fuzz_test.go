package validate_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/iprt/iprt/host/internal/wasmbin"
	"github.com/iprt/iprt/host/internal/wasmop"
	"github.com/iprt/iprt/host/validate"
	w "github.com/iprt/iprt/internal/wasmtest"
)

// oracle holds the scan to what it promises about any bytes.
type oracle struct{ engine wazero.Runtime }

func newOracle(tb testing.TB) *oracle {
	engine := wazero.NewRuntimeWithConfig(context.Background(), wazero.NewRuntimeConfigInterpreter())
	tb.Cleanup(func() { engine.Close(context.Background()) })
	return &oracle{engine}
}

// fuzzLimits are wide enough for anything of interest in a few kilobytes, and small enough for the engine.
var fuzzLimits = validate.Limits{InitialPages: 16, TableElements: 1000}

// try validates b in all ways. What is accepted must walk to the same end in a second reader, have an estimate, and may be
// refused by an engine for types only. It returns whether the shape is good.
func (o *oracle) try(t testing.TB, b []byte) bool {
	t.Helper()
	if _, err := validate.Module(b, validate.Rules{Limits: fuzzLimits}); err != nil {
		checkError(t, b, err)
	}
	info, err := validate.Module(b, validate.Rules{Set: validate.Shape, SIMD: true, Limits: fuzzLimits})
	if err != nil {
		checkError(t, b, err)
		if info != nil {
			t.Fatalf("% x: an Info beside %v", b, err)
		}
		return false
	}
	if info == nil || info.Size != len(b) {
		t.Fatalf("% x: %+v", b, info)
	}
	o.walk(t, b, info)
	if e, err := validate.EstimateCompile(b); err != nil || e.Total < e.Worst || (e.WorstFunction < 0) != (info.Functions == 0) {
		t.Fatalf("% x: %+v, %v", b, e, err)
	}
	m, err := o.engine.CompileModule(context.Background(), withoutCustom(b))
	if err == nil {
		m.Close(context.Background())
	} else if !typeError(err) {
		t.Fatalf("% x: the engine cannot read it: %v", b, err)
	}
	return true
}

// withoutCustom leaves out what no engine gets to see: this one reads inside of custom sections, and refuses modules for what it finds.
func withoutCustom(b []byte) []byte {
	var kept [][]byte
	for sections := wasmbin.NewSections(b); sections.Next(); {
		if s := sections.Section(); s.ID != wasmbin.Custom {
			kept = append(kept, w.Section(s.ID, s.Body))
		}
	}
	return w.Raw(kept...)
}

func checkError(t testing.TB, b []byte, err error) {
	t.Helper()
	var e *validate.Error
	if !errors.As(err, &e) || e.Rule == "" || e.Msg == "" || e.Code() == "" || e.Offset > len(b) {
		t.Fatalf("% x: %#v", b, err)
	}
}

// walk reads the bodies of a module that was accepted.
func (o *oracle) walk(t testing.TB, b []byte, info *validate.Info) {
	t.Helper()
	functions, size := 0, 0
	var r wasmop.Reader
	sections := wasmbin.NewSections(b)
	for sections.Next() {
		if sections.Section().ID != wasmbin.Code {
			continue
		}
		for bodies := wasmop.NewBodies(sections.Section()); bodies.Next(); functions++ {
			body, at := bodies.Body()
			r.Reset(body, at)
			for r.Next() {
			}
			if r.Err() != nil || r.End() != at+len(body) {
				t.Fatalf("% x: the body at %d: %v", b, at, r.Err())
			}
			size += len(body)
		}
	}
	if sections.Err() != nil || functions != info.Functions || size != info.CodeBytes {
		t.Fatalf("% x: %d bodies of %d bytes, %+v, %v", b, functions, size, info, sections.Err())
	}
}

// FuzzModule also bounds what any bytes make the scan allocate.
func FuzzModule(f *testing.F) {
	f.Add(rich())
	f.Add(everything())
	f.Add(w.Raw(w.Custom("two\nlines", nil)))                  // the engine takes it for cut off, and says so in two lines
	f.Add(w.Raw(w.Custom("name", []byte{1, 8, 1, 0, 7, 'a'}))) // and this one for a module of another length
	for _, cases := range [][]broken{files(), malformed(), code()} {
		for _, c := range cases {
			if len(c.wasm) < 4096 {
				f.Add(c.wasm)
			}
		}
	}
	seeds, err := filepath.Glob("../../codecs/raw/*.wasm")
	if err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, path := range seeds {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	o := newOracle(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _ = validate.Module(b, validate.Rules{Set: validate.Shape, SIMD: true})
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > uint64(128*len(b)+1<<20) {
			t.Fatalf("%d bytes allocated for %d", got, len(b))
		}
		o.try(t, b)
	})
}

// everything is a small module with every section and every kind of immediates.
func everything() []byte {
	b := w.New()
	b.ImportFunc("env", "f", i32s(2), i32)
	b.Import("env", "g", w.KindGlobal, []byte{w.I32, 0})
	b.Table(1, 2)
	b.Memory(1, 2)
	b.Global(w.I64, true, w.Code{}.I64Const(-1))
	b.Func(i32, i32, []w.Local{{Count: 2, Type: w.I64}}, w.Code{}.Raw(
		0x02, 0x40, 0x03, 0x40, 0x20, 0, 0x0d, 1, 0x20, 0, 0x0e, 1, 0, 1, 0x0b, 0x0b,
		0x20, 0, 0x20, 0, 0x10, 0, 0x04, w.I32, 0x41, 0x7f, 0x05, 0x23, 0, 0x0b, 0x28, 2, 4, 0x1a,
		0x41, 1, 0x41, 2, 0x41, 0, 0x11, 0, 0, 0x1a, 0x43, 0, 0, 0, 0, 0xfc, 0, 0x1a, 0x3f, 0, 0x40, 0, 0x1a,
		0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 8, 0, 0, 0xfc, 9, 0, 0xd0, w.FuncRef, 0xd1, 0x1a, 0xd2, 1, 0xd1, 0x1a,
		0x41, 0, 0xfd, 15, 0xfd, 21, 3))
	b.Export("f", w.KindFunc, 1)
	b.Elem(0, 1)
	b.DataCount()
	b.DataRaw([]byte{1, 2, 0xaa, 0xbb})
	return b.Bytes()
}

// Every byte of a module that has everything, with each bit flipped and with values that mean something, and the module cut at
// every byte.
func TestEveryByte(t *testing.T) {
	o := newOracle(t)
	whole := everything()
	info, err := validate.Module(whole, validate.Rules{Set: validate.Shape, SIMD: true})
	if err != nil || info.Functions != 1 || !info.Grows || !info.DropsSegments || !info.SIMD {
		t.Fatalf("%+v, %v", info, err)
	}
	if m, err := o.engine.CompileModule(context.Background(), whole); err != nil {
		t.Fatal(err)
	} else {
		m.Close(context.Background())
	}
	tried, accepted := 0, 0
	changed := bytes.Clone(whole)
	for i := range whole {
		values := []byte{0, 1, 0x0b, 0x40, 0x7f, 0x80, 0xff}
		for bit := range 8 {
			values = append(values, whole[i]^1<<bit)
		}
		for _, v := range values {
			changed[i] = v
			tried++
			if o.try(t, changed) {
				accepted++
			}
		}
		changed[i] = whole[i]
		o.try(t, whole[:i:i])
	}
	// Some bytes are free: constants, offsets, names.
	if accepted < tried/20 || accepted > tried/2 {
		t.Errorf("%d of %d are accepted", accepted, tried)
	}
}

// Scanning code allocates once for what is nested and not for what is there.
func TestCodeAllocatesNothing(t *testing.T) {
	allocs := func(n int) float64 {
		wasm := fn(bytes.Repeat([]byte{0x02, w.Void, 0x41, 0, 0x0d, 0, 0x0b}, n)...)
		return testing.AllocsPerRun(10, func() {
			if _, err := validate.Module(wasm, validate.Rules{Set: validate.Shape}); err != nil {
				t.Fatal(err)
			}
		})
	}
	if few, many := allocs(10), allocs(10_000); few != many {
		t.Errorf("%v allocations for 40 instructions, %v for 40,000", few, many)
	}
}
