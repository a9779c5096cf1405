package sections

import (
	"bytes"
	"errors"
	"testing"

	"github.com/iprt/iprt/host/engine"
	wt "github.com/iprt/iprt/internal/wasmtest"
)

// FuzzSections has the scan meet bytes that no validator has seen.
func FuzzSections(f *testing.F) {
	start := wt.New()
	start.Start(start.Func(nil, nil, nil, wt.Code{}))
	imports := wt.New()
	imports.ImportFunc("env", "h", nil, nil)
	imports.Import("env", "m", wt.KindMemory, wt.Limits(1, 1))
	for _, seed := range [][]byte{nil, wt.Header, start.Bytes(), imports.Bytes(),
		wt.Cat(wt.Header, []byte{wt.SecImport, 0xff, 0xff, 0xff, 0xff, 0x0f}),
		wt.Cat(wt.Header, wt.Section(wt.SecImport, wt.U32(1<<32-1))),
		wt.Cat(wt.Header, []byte{wt.SecImport, 0x80, 0x80, 0x80, 0x80, 0x10}),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, wasm []byte) {
		o, err := Scan(wasm)
		if err == nil {
			o.ExportMemory(wasm)
		}
		var compile *engine.CompileError
		var imp *engine.ImportError
		if err != nil && !errors.As(err, &compile) && !errors.As(err, &imp) {
			t.Errorf("error is %T %v", err, err)
		}
	})
}

// TestExportMemory checks the one rewrite there is, by reading the result again.
func TestExportMemory(t *testing.T) {
	memory := func(exports ...string) *wt.Builder {
		b := wt.New()
		b.Memory(3, 4)
		f := b.Func(nil, nil, nil, wt.Code{})
		for _, name := range exports {
			b.Export(name, wt.KindFunc, f)
		}
		return b
	}
	exported := memory("memory")
	exported.Export("mine", wt.KindMemory, 0)
	global := memory()
	global.Global(wt.I32, false, wt.Code{}.I32Const(0))
	data := memory("f")
	data.Data(0, []byte("data"))
	for name, tc := range map[string]struct {
		b    *wt.Builder
		want string
	}{
		"none": {wt.New(), ""}, "no exports": {memory(), "memory"}, "exports": {memory("f", "g"), "memory"},
		"name is taken": {memory("memory", "memory 0"), "memory 1"}, "exported": {exported, "mine"},
		"after globals": {global, "memory"}, "before data": {data, "memory"},
	} {
		wasm := tc.b.Bytes()
		o, err := Scan(wasm)
		if err != nil {
			t.Fatal(err)
		}
		out, got := o.ExportMemory(wasm)
		if got != tc.want {
			t.Errorf("%s: memory is called %q, want %q", name, got, tc.want)
		}
		after, err := Scan(out)
		if err != nil || after.Funcs != o.Funcs || after.HasMemory != o.HasMemory || o.HasMemory && after.MinPages != 3 {
			t.Errorf("%s: outline became %+v, %v", name, after, err)
		}
		before, exports := o.Exports(wasm), after.Exports(out)
		if _, again := after.ExportMemory(out); again != got || len(exports) < len(before) || len(exports) > len(before)+1 {
			t.Errorf("%s: exports became %v, memory %q", name, exports, again)
		}
		for i, e := range before {
			if exports[i] != e || after.IsFunc(e) != o.IsFunc(e) {
				t.Errorf("%s: export %v became %v", name, e, exports[i])
			}
		}
	}
}

// TestExportMemoryHealsNothing has export sections that end early and late.
func TestExportMemoryHealsNothing(t *testing.T) {
	entry := wt.Cat(wt.Name("f"), []byte{wt.KindFunc, 0})
	for name, exports := range map[string][]byte{
		"count too high": wt.Cat(wt.U32(2), entry), "count too low": wt.Cat(wt.U32(1), entry, entry), "cut": wt.Cat(wt.U32(1), entry[:2]),
	} {
		wasm := wt.Raw(wt.Section(wt.SecMemory, wt.Vec(wt.Limits(1, 1))), wt.Section(wt.SecExport, exports))
		o, err := Scan(wasm)
		if err != nil {
			t.Fatal(err)
		}
		if out, memory := o.ExportMemory(wasm); memory != "" || !bytes.Equal(out, wasm) {
			t.Errorf("%s: became %q with memory %q", name, out, memory)
		}
	}
}
