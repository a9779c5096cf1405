package validate_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/iprt/iprt/host/validate"
	w "github.com/iprt/iprt/internal/wasmtest"
)

// rich is a module with every kind of section, so that cutting and changing it reaches all of the scan.
func rich() []byte {
	return w.Codec(w.Requires("iprt:core/v1"), w.Import("iprt:core/v1", "abort", i32s(3), nil), w.Init(w.Code{}.I32Const(0)),
		w.CustomSection("name", w.Section(1, w.Vec(w.Cat(w.U32(0), w.Name("abort"))))),
		w.CustomSection("producers", w.Cat(w.U32(1), w.Name("language"), w.Vec(w.Cat(w.Name("C"), w.Name("23"))))),
		w.Edit(func(b *w.Builder) {
			b.Table(4, 4)
			b.Elem(0, 1, 2, 3)
			b.ElemRaw([]byte{7, w.FuncRef, 1, 0xd2, 0, 0x0b})
			b.Global(w.F64, false, w.Code{}.Raw(0x44, 0, 0, 0, 0, 0, 0, 0, 0))
			b.DataCount()
		}))
}

// A module cut anywhere is refused. In the middle of a section, the error points at or before the cut; between two sections
// what is left may be a smaller module of good shape, so there the ABI must say no.
func TestTruncation(t *testing.T) {
	whole := rich()
	if _, err := validate.Module(whole, validate.Rules{}); err != nil {
		t.Fatal(err)
	}
	ends := sectionEnds(t, whole)
	for n := range whole {
		cut := whole[:n:n]
		for _, set := range []validate.RuleSet{validate.Shape, validate.ABI} {
			_, err := validate.Module(cut, validate.Rules{Set: set})
			var e *validate.Error
			switch {
			case err == nil && (set == validate.Shape && ends[n] || hasAll(cut)):
			case !errors.As(err, &e):
				t.Fatalf("cut at %d of %d: %v", n, len(whole), err)
			case !ends[n] && (e.Offset < 0 || e.Offset > n):
				t.Fatalf("cut at %d of %d: %v", n, len(whole), err)
			}
		}
	}
}

// hasAll reports whether only custom sections after the manifest were cut off.
func hasAll(b []byte) bool {
	i, err := validate.Module(b, validate.Rules{})
	return err == nil && i.Manifest != nil && i.Functions == 7 && i.DataSegments == 3
}

func sectionEnds(t *testing.T, b []byte) map[int]bool {
	ends := map[int]bool{8: true}
	for pos := 8; pos < len(b); {
		size, shift := 0, 0
		for pos++; ; pos++ {
			size |= int(b[pos]&0x7f) << shift
			shift += 7
			if b[pos] < 0x80 {
				break
			}
		}
		pos += 1 + size
		ends[pos] = true
	}
	if !ends[len(b)] {
		t.Fatal("sections do not fill the module")
	}
	return ends
}

// What a module claims must not decide what is allocated: refusing one of these costs about as much as the bytes that it has.
func TestClaimsReserveNothing(t *testing.T) {
	for _, cases := range [][]broken{malformed(), overLimits(), code()} {
		for _, c := range cases {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := validate.Module(c.wasm, validate.Rules{})
			runtime.ReadMemStats(&after)
			most := uint64(len(c.wasm) + 64<<10)
			if c.rule == "limit.block-nesting" {
				most += 2048 * 128 // what is open at the limit, and what it outgrew
			}
			if got := after.TotalAlloc - before.TotalAlloc; err == nil || got > most {
				t.Errorf("%s: %d bytes allocated for %d bytes of module, %v", c.name, got, len(c.wasm), err)
			}
		}
	}
}

// The densest good modules: what Info and the scan hold stays within a small multiple of the bytes.
func TestAllocationIsBounded(t *testing.T) {
	name := func(i int) []byte { return w.Name(string([]byte{byte('a' + i/26), byte('a' + i%26)})) }
	var exports, imports, types []byte
	for i := range 600 {
		exports = append(exports, w.Cat(name(i), []byte{2, 0})...)
	}
	for i := range 128 {
		imports = append(imports, w.Cat(name(i), w.Name(""), []byte{0, 0})...)
	}
	types = bytes.Repeat(w.FuncType(nil, nil), 4096)
	for label, wasm := range map[string][]byte{
		"types":     sec(w.Section(w.SecType, w.U32(4096), types)),
		"functions": sec(void, w.Section(w.SecFunction, repeat([]byte{0}, 20_000)), w.Section(w.SecCode, repeat([]byte{2, 0, 0x0b}, 20_000))),
		"imports":   sec(void, w.Section(w.SecImport, w.U32(128), imports)),
		"exports":   sec(mem1, w.Section(w.SecExport, w.U32(600), exports)),
		"custom":    sec(bytes.Repeat(w.Custom("", nil), 1000)),
		"data":      sec(w.Section(w.SecData, repeat([]byte{1, 0}, 100_000))),
		"elements":  sec(void, oneFn, w.Section(w.SecElement, w.Vec(w.Cat([]byte{1, 0}, repeat([]byte{0}, 131_072)))), noop),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := validate.Module(wasm, validate.Rules{Set: validate.Shape})
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; err != nil || got > uint64(128*len(wasm)+64<<10) {
			t.Errorf("%s: %d bytes allocated for %d bytes of module, %v", label, got, len(wasm), err)
		}
	}
}

// The modules that are shipped, made by several toolchains, pass.
func TestShippedModules(t *testing.T) {
	found, err := filepath.Glob("../../codecs/*/*.wasm")
	if err != nil || len(found) == 0 {
		t.Fatalf("found no modules: %v", err)
	}
	for _, path := range found {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := validate.Module(b, validate.Rules{Limits: validate.Pinned()}); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func BenchmarkModule(b *testing.B) {
	bodies := w.Section(w.SecCode, repeat(w.Cat(w.U32(203), []byte{1, 4, w.I32}, bytes.Repeat([]byte{1}, 199), []byte{0x0b}), 20_000))
	large := sec(void, w.Section(w.SecFunction, repeat([]byte{0}, 20_000)), mem1, bodies, w.Section(w.SecData, repeat(w.Cat([]byte{1}, w.Name("0123456789abcdef")), 50_000)))
	for name, wasm := range map[string][]byte{"large": large, "codec": w.Codec()} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(wasm)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := validate.Module(wasm, validate.Rules{Set: validate.Shape}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
