package meter_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/iprt/iprt/host/internal/wasmbin"
	"github.com/iprt/iprt/host/meter"
	"github.com/iprt/iprt/host/validate"
	w "github.com/iprt/iprt/internal/wasmtest"
)

func TestClamp(t *testing.T) {
	for _, c := range []struct {
		name        string
		min         uint32
		max         int64 // −1: none
		cfg         uint32
		memory, tbl uint32 // expected maxima
	}{
		{"lowered", 1, 100, 10, 10, 10},
		{"kept", 1, 9, 10, 9, 9},
		{"added", 1, -1, 10, 10, 10},
		{"equal", 10, 10, 10, 10, 10},
		{"default", 1, 65536, 0, 1024, 65536},
		{"default added", 1, -1, 0, 1024, 65536},
	} {
		b := w.New()
		b.Table(c.min, c.max)
		b.Memory(c.min, c.max)
		out := rewrite(t, b.Bytes(), meter.Config{MaxMemoryPages: c.cfg, MaxTableElements: c.cfg})
		if m := limits(t, out, wasmbin.Memory); m != (wasmbin.Limits{Min: c.min, Max: c.memory, HasMax: true, Flags: 1}) {
			t.Errorf("%s: memory %+v", c.name, m)
		}
		if tbl := limits(t, out, wasmbin.Table); tbl != (wasmbin.Limits{Min: c.min, Max: c.tbl, HasMax: true, Flags: 1}) {
			t.Errorf("%s: table %+v", c.name, tbl)
		}
	}
}

// limits reads those of the first memory or table.
func limits(t *testing.T, wasm []byte, id byte) wasmbin.Limits {
	t.Helper()
	r := wasmbin.NewReader(section(t, wasm, id), 0)
	r.U32()
	if id == wasmbin.Table {
		r.Byte()
	}
	l := r.Limits()
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
	return l
}

// section gives the content of the first section with an id.
func section(t *testing.T, wasm []byte, id byte) []byte {
	t.Helper()
	s := wasmbin.NewSections(wasm)
	for s.Next() {
		if c := s.Section(); c.ID == id {
			return c.Body
		}
	}
	return nil
}

func TestTooLargeForTheClass(t *testing.T) {
	b := w.New()
	b.Table(50, 50)
	b.Memory(20, 20)
	info, err := validate.Module(b.Bytes(), validate.Rules{Set: validate.Shape})
	if err != nil {
		t.Fatal(err)
	}
	for what, cfg := range map[string]meter.Config{"memory": {MaxMemoryPages: 19}, "table": {MaxTableElements: 49}} {
		_, err := meter.Rewrite(b.Bytes(), info, cfg)
		var e *meter.LimitError
		if !errors.As(err, &e) || e.What != what || e.Limit != max(cfg.MaxMemoryPages, cfg.MaxTableElements) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := meter.Rewrite(append(b.Bytes(), w.Custom("x", nil)...), info, meter.Config{}); err == nil {
		t.Error("took the info of another module")
	}
}

func TestCustomSections(t *testing.T) {
	assoc := func(i uint32, name string) []byte { return w.Cat(w.U32(i), w.Name(name)) }
	names := func(items ...[]byte) []byte { return w.Section(1, w.Vec(items...)) }
	imported := w.Import("iprt:core/v1", "abort", []byte{w.I32, w.I32, w.I32}, nil)
	plain := rewrite(t, w.Codec(imported), meter.Config{})
	before := names(assoc(0, "abort"), assoc(1, "marker"), assoc(3, "error"))
	after := names(assoc(0, "abort"), assoc(2, "marker"), assoc(4, "error"))
	out := rewrite(t, w.Codec(imported, w.CustomSection(".debug_info", make([]byte, 1000)), w.CustomSection("name", before), w.CustomSection("name", before)), meter.Config{})
	if !bytes.Equal(out, append(plain, w.Custom("name", after)...)) {
		t.Errorf("%q", section(t, out, wasmbin.Custom))
	}
	bomb := rewrite(t, w.Codec(imported, w.CustomSection("name", w.Section(1, w.U32(1<<32-1)))), meter.Config{})
	if !bytes.Equal(bomb, plain) {
		t.Errorf("kept a broken name section: %q", section(t, bomb, wasmbin.Custom))
	}
	one := rewrite(t, w.Codec(imported, w.CustomSection("name", before)), meter.Config{Flavour: meter.OneSlice})
	if !bytes.HasSuffix(one, w.Custom("name", before)) {
		t.Error("shifted the names though no import was added")
	}
}

func TestCanonical(t *testing.T) {
	var zero meter.Config
	if zero.Canonical() != (meter.Config{MaxMemoryPages: 1024, MaxTableElements: 65536}).Canonical() {
		t.Error("the defaults have two forms")
	}
	seen := map[string]bool{}
	for _, c := range []meter.Config{zero, {MaxMemoryPages: 1}, {MaxTableElements: 1}, {MaxMemoryPages: 65536}} {
		seen[c.Canonical()] = true
	}
	if len(seen) != 4 || !seen[meter.Config{MaxMemoryPages: 70000}.Canonical()] {
		t.Errorf("%v", seen)
	}
}
