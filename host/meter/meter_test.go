package meter_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/wazero"
	"github.com/iprt/iprt/host/meter"
	"github.com/iprt/iprt/host/validate"
	w "github.com/iprt/iprt/internal/wasmtest"
)

func rewrite(t *testing.T, wasm []byte, cfg meter.Config) ([]byte, *validate.Info) {
	t.Helper()
	info, err := validate.Module(wasm, validate.Rules{Set: validate.Shape})
	if err != nil {
		t.Fatal(err)
	}
	keep := bytes.Clone(wasm)
	out, err := meter.Rewrite(wasm, info, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(keep, wasm) {
		t.Fatal("changed its input")
	}
	after, err := validate.Module(out, validate.Rules{Set: validate.Shape})
	if err != nil {
		t.Fatalf("the result is not valid: %v", err)
	}
	return out, after
}

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
		_, info := rewrite(t, b.Bytes(), meter.Config{MaxMemoryPages: c.cfg, MaxTableElements: c.cfg})
		if m := *info.Memory; m != (validate.Memory{Min: c.min, Max: c.memory, HasMax: true}) {
			t.Errorf("%s: memory %+v", c.name, m)
		}
		if tbl := *info.Table; tbl != (validate.Table{Min: c.min, Max: c.tbl, HasMax: true}) {
			t.Errorf("%s: table %+v", c.name, tbl)
		}
	}
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
	names := w.Section(1, w.Vec(w.Cat(w.U32(0), w.Name("marker"))))
	plain, _ := rewrite(t, w.Codec(), meter.Config{})
	out, info := rewrite(t, w.Codec(w.CustomSection(".debug_info", make([]byte, 1000)), w.CustomSection("name", names), w.CustomSection("name", names)), meter.Config{})
	if len(info.Custom) != 1 || info.Custom[0].Name != "name" || !bytes.Equal(out, append(plain, w.Custom("name", names)...)) {
		t.Errorf("custom sections %+v", info.Custom)
	}
	bomb, info := rewrite(t, w.Codec(w.CustomSection("name", w.Section(1, w.U32(1<<32-1)))), meter.Config{})
	if len(info.Custom) != 0 || !bytes.Equal(bomb, plain) {
		t.Errorf("custom sections %+v", info.Custom)
	}
}

// The code is the module's own, byte for byte, and runs as before.
func TestCodeIsUntouched(t *testing.T) {
	in := w.Codec(w.Memory(1, 5000))
	out, after := rewrite(t, in, meter.Config{})
	before, err := validate.Module(in, validate.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	if after.CodeBytes != before.CodeBytes || after.DataBytes != before.DataBytes || after.Functions != before.Functions || len(after.Exports) != len(before.Exports) {
		t.Errorf("before %+v\nafter %+v", before, after)
	}

	ctx := context.Background()
	e, err := wazero.New(wazero.Config{Interpreter: true})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(ctx)
	code, err := e.Compile(ctx, out, nil)
	if err != nil {
		t.Fatal(err)
	}
	inst, err := code.Instantiate(ctx, engine.InstanceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	decode, ok := inst.Func("iprt_codec_v1_decode")
	if !ok {
		t.Fatal("no decode")
	}
	stack := []uint64{0, 77, 0, 0}
	if err := decode.Call(ctx, stack); err != nil {
		t.Fatal(err)
	}
	table, ok := inst.Memory().View(uint32(stack[0]>>32), uint32(stack[0]))
	if !ok || binary.LittleEndian.Uint32(table[36:]) != 77 {
		t.Errorf("% x", table)
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

func BenchmarkRewrite(b *testing.B) {
	body := w.Cat(w.U32(2000), []byte{0}, bytes.Repeat([]byte{1}, 1998), []byte{0x0b})
	wasm := w.Raw(w.Section(w.SecType, w.Vec(w.FuncType(nil, nil))),
		w.Section(w.SecFunction, w.U32(2000), make([]byte, 2000)),
		w.Section(w.SecCode, w.U32(2000), bytes.Repeat(body, 2000)))
	info, err := validate.Module(wasm, validate.Rules{Set: validate.Shape})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(wasm)))
	for b.Loop() {
		if _, err := meter.Rewrite(wasm, info, meter.Config{}); err != nil {
			b.Fatal(err)
		}
	}
}
