package meter_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/wazero"
	"github.com/iprt/iprt/host/meter"
	"github.com/iprt/iprt/host/validate"
	w "github.com/iprt/iprt/internal/wasmtest"
)

// compiles reports whether an engine takes a module, given all that it imports.
func compiles(e engine.Engine, wasm []byte, info *validate.Info) bool {
	offer := imports()
	for _, i := range info.Imports {
		if i.Kind == validate.KindFunc {
			offer = append(offer, engine.Import{Module: i.Module, Name: i.Name, Type: engine.FuncType(i.Type),
				Fn: func(context.Context, engine.Memory, []uint64) error { return nil }})
		}
	}
	code, err := e.Compile(context.Background(), wasm, offer)
	if err == nil {
		_ = code.Close(context.Background())
	}
	return err == nil
}

// sameValidity meters a module, if validation accepts it, in all ways, and holds what the engine says of it against what
// it says of the module itself.
func sameValidity(t *testing.T, e engine.Engine, wasm []byte) (accepted, valid bool) {
	t.Helper()
	info, err := validate.Module(wasm, validate.Rules{Set: validate.Shape, SIMD: true})
	if err != nil || info.Start {
		return false, false // an engine of ours refuses start functions
	}
	valid = compiles(e, wasm, info)
	for _, cfg := range []meter.Config{{}, {Flavour: meter.OneSlice}, {KeepNaN: true}} {
		out, err := meter.Rewrite(wasm, info, cfg)
		if err != nil {
			t.Fatalf("%s: %v", cfg.Canonical(), err)
		}
		if compiles(e, out, info) != valid {
			t.Errorf("%s: the module compiles: %v; metered: %v", cfg.Canonical(), valid, !valid)
		}
		if most := 16*len(wasm) + 128*(info.Functions+8); len(out) > most {
			t.Errorf("%s: %d bytes from %d, at most %d", cfg.Canonical(), len(out), len(wasm), most)
		}
	}
	return true, valid
}

// TestValidityOfSpecSuite: over the modules of WebAssembly's own test suite, valid and not, metering changes no verdict.
func TestValidityOfSpecSuite(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		t.Skipf("the Go command does not find wazero's sources: %v", err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "internal/integration_test/spectest/v2/testdata/*.wasm"))
	if err != nil || len(files) < 1000 {
		t.Fatalf("%d modules: %v", len(files), err)
	}
	e := newEngine(t, wazero.Config{Interpreter: true})
	accepted, good := 0, 0
	for _, file := range files {
		wasm, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		a, v := sameValidity(t, e, wasm)
		if t.Failed() {
			t.Fatal(filepath.Base(file))
		}
		if a {
			accepted++
		}
		if v {
			good++
		}
	}
	if t.Logf("%d modules, %d accepted, %d valid", len(files), accepted, good); good < 200 || accepted-good < 50 {
		t.Errorf("of %d modules %d were accepted and %d valid", len(files), accepted, good)
	}
}

// TestNothingAddedIsInReach: what metering adds would give a meaning to indices that have none in the module. Validation refuses
// those, one by one.
func TestNothingAddedIsInReach(t *testing.T) {
	body := func(c w.Code) func(b *w.Builder) {
		return func(b *w.Builder) { b.Func(nil, nil, nil, c) }
	}
	i32 := w.Code{}.I32Const(0)
	cases := map[string]func(b *w.Builder){
		"":              body(w.Code{}.Call(1)),
		"call":          body(w.Code{}.Call(2)),
		"fuel":          body(w.Code{}.GlobalGet(1).Op(w.OpDrop)),
		"set fuel":      body(w.Code{}.I64Const(1 << 40).GlobalSet(1)),
		"depth":         body(i32.GlobalSet(2)),
		"local":         func(b *w.Builder) { b.Func([]byte{w.I32}, nil, nil, w.Code{}.LocalGet(1).Op(w.OpDrop)) },
		"label":         body(w.Code{}.Br(1)),
		"inner label":   body(w.Code{}.Block(w.Void).Br(2).End()),
		"block type":    body(w.Code{}.Raw(0x02, 1).End()),
		"ref.func":      body(w.Code{}.Raw(0xd2, 2).Op(w.OpDrop)),
		"element":       func(b *w.Builder) { b.Table(1, 1); b.Elem(0, 2); body(nil)(b) },
		"export":        func(b *w.Builder) { body(nil)(b); b.Export("x", w.KindFunc, 2) },
		"start":         func(b *w.Builder) { body(nil)(b); b.Start(2) },
		"global":        func(b *w.Builder) { body(nil)(b); b.Export("x", w.KindGlobal, 1) },
		"initialiser":   func(b *w.Builder) { body(nil)(b); b.Global(w.FuncRef, false, w.Code{}.Raw(0xd2, 2)) },
		"indirect":      func(b *w.Builder) { b.Table(1, 1); body(i32.CallIndirect(1))(b) },
		"grow's table":  body(w.Code{}.RefNull(w.FuncRef).I32Const(1).TableGrow().Op(w.OpDrop)),
		"grow's memory": body(i32.MemoryGrow().Op(w.OpDrop)),
		"fill's memory": body(i32.I32Const(0).I32Const(0).Raw(0xfc, 11, 0)),
	}
	for name, add := range cases {
		b := w.New()
		b.ImportFunc("iprt:core/v1", "abort", nil, nil)
		b.Global(w.I32, true, w.Code{}.I32Const(0))
		add(b)
		info, err := validate.Module(b.Bytes(), validate.Rules{Set: validate.Shape})
		if name == "" {
			if err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err == nil {
			out, err := meter.Rewrite(b.Bytes(), info, meter.Config{})
			e := newEngine(t, wazero.Config{Interpreter: true})
			t.Errorf("%s: accepted; compiles: %v, metered %v (%v)", name, compiles(e, b.Bytes(), info), compiles(e, out, info), err)
		}
	}
}

// TestShift calls every function of a table that all forms of element segments filled, and one more by a global.
func TestShift(t *testing.T) {
	b := w.New()
	b.ImportFunc("iprt:core/v1", "abort", []byte{w.I32, w.I32, w.I32}, nil)
	typ := b.Type(nil, []byte{w.I32})
	var fns []uint32
	for i := range 10 {
		fns = append(fns, b.Func(nil, []byte{w.I32}, nil, w.Code{}.I32Const(int32(100+i))))
	}
	b.Table(12, 12)
	at := func(i int32) []byte { return w.Code{}.I32Const(i).End() }
	ref := func(f uint32) []byte { return w.Cat([]byte{0xd2}, w.U32(f), []byte{w.OpEnd}) }
	b.ElemRaw(w.Cat([]byte{0}, at(0), w.Vec(w.U32(fns[0]))))
	b.ElemRaw(w.Cat([]byte{1, 0}, w.Vec(w.U32(fns[1]))))
	b.ElemRaw(w.Cat([]byte{2, 0}, at(2), []byte{0}, w.Vec(w.U32(fns[2]))))
	b.ElemRaw(w.Cat([]byte{3, 0}, w.Vec(w.U32(fns[3]))))
	b.ElemRaw(w.Cat([]byte{4}, at(4), w.Vec(ref(fns[4]))))
	b.ElemRaw(w.Cat([]byte{5, w.FuncRef}, w.Vec(ref(fns[5]))))
	b.ElemRaw(w.Cat([]byte{6, 0}, at(6), []byte{w.FuncRef}, w.Vec(ref(fns[6]))))
	b.ElemRaw(w.Cat([]byte{7, w.FuncRef}, w.Vec(ref(fns[7]))))
	g := b.Global(w.FuncRef, false, w.Code{}.Raw(ref(fns[8])[:2]...))
	fill := func(c w.Code, to, seg int32) w.Code { // table.init
		return c.I32Const(to).I32Const(0).I32Const(1).Raw(0xfc, 12, byte(seg), 0)
	}
	c := fill(fill(w.Code{}, 1, 1), 5, 5)
	c = c.I32Const(3).Raw(ref(fns[3])[:2]...).Raw(0x26, 0) // table.set
	c = c.I32Const(7).Raw(ref(fns[7])[:2]...).Raw(0x26, 0)
	c = c.I32Const(8).GlobalGet(g).Raw(0x26, 0)
	c = c.I32Const(9).Raw(ref(fns[9])[:2]...).Raw(0x26, 0)
	b.ElemRaw(w.Cat([]byte{3, 0}, w.Vec(w.U32(fns[9]))))
	b.Export("init", w.KindFunc, b.Func(nil, nil, nil, c))
	b.Export("call", w.KindFunc, b.Func([]byte{w.I32}, []byte{w.I32}, nil, w.Code{}.LocalGet(0).CallIndirect(typ)))
	b.Export("last", w.KindFunc, fns[9])
	for _, f := range []meter.Flavour{meter.Slices, meter.OneSlice} {
		g := instantiate(t, newEngine(t, wazero.Config{}), rewrite(t, b.Bytes(), meter.Config{Flavour: f}))
		g.setFuel(1 << 40)
		if _, err := g.call("init"); err != nil {
			t.Fatal(err)
		}
		for i := range uint64(10) {
			if got, err := g.call("call", i); err != nil || got[0] != 100+i {
				t.Errorf("%s: function %d gives %d, %v", f, i, got, err)
			}
		}
		if got, err := g.call("last"); err != nil || got[0] != 109 {
			t.Errorf("%s: %d, %v", f, got, err)
		}
	}
}

// FuzzRewrite: whatever validation accepts is rewritten, compiles if and only if it did before, and stays bounded in size.
func FuzzRewrite(f *testing.F) {
	f.Add(w.Codec())
	f.Add(growing())
	for seed := range uint64(20) {
		f.Add(generate(seed).wasm())
	}
	f.Fuzz(func(t *testing.T, wasm []byte) {
		if len(wasm) > 1<<16 || !bytes.HasPrefix(wasm, w.Header) {
			return
		}
		sameValidity(t, newEngine(t, wazero.Config{Interpreter: true}), wasm)
	})
}

// FuzzBody is the same for the body of one function, in a module that has something of everything to refer to.
func FuzzBody(f *testing.F) {
	f.Add([]byte{0, w.OpEnd})
	for seed := range uint64(20) {
		p := generate(seed)
		last := p.funcs[len(p.funcs)-1]
		body := []byte{1, byte(last.locals), w.I32}
		for _, i := range last.code {
			body = i.append(body, w.New(), func(int) []byte { return nil })
		}
		f.Add(append(body, w.OpEnd))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 1<<12 {
			return
		}
		sameValidity(t, newEngine(t, wazero.Config{Interpreter: true}), around(body))
	})
}

func around(body []byte) []byte {
	b := w.New()
	b.ImportFunc("iprt:core/v1", "abort", []byte{w.I32, w.I32, w.I32}, nil)
	b.Type(nil, []byte{w.I32, w.F64})
	b.Type([]byte{w.I32}, []byte{w.I32})
	b.Memory(1, 2)
	b.Table(3, 4)
	for _, typ := range []byte{w.I32, w.I64, w.F32, w.F64, w.FuncRef} {
		b.Global(typ, true, map[byte]w.Code{
			w.I32: w.Code{}.I32Const(1), w.I64: w.Code{}.I64Const(1), w.F32: w.Code{}.Raw(0x43, 0, 0, 0, 0),
			w.F64: w.Code{}.Raw(0x44, 0, 0, 0, 0, 0, 0, 0, 0), w.FuncRef: w.Code{}.RefNull(w.FuncRef),
		}[typ])
	}
	fn := b.FuncRaw(b.Type([]byte{w.I32, w.I64, w.F32, w.F64}, []byte{w.I32}), body)
	b.Elem(0, fn)
	b.ElemRaw(w.Cat([]byte{1, 0}, w.Vec(w.U32(fn))))
	b.DataCount()
	b.DataRaw(w.Cat([]byte{1}, w.U32(3), []byte("abc")))
	return b.Bytes()
}
