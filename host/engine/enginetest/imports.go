package enginetest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
	wt "github.com/iprt/iprt/internal/wasmtest"
)

var importTests = map[string]func(*testing.T, engine.Engine){
	"missing": wantImportError(importer(), func(e *engine.ImportError) bool {
		return e.Module == "env" && e.Name == "f" && e.Want == nil
	}),
	"missing name": wantImportError(importer(), nil, offer("env", "g", 1)),
	"mismatched": wantImportError(importer(), func(e *engine.ImportError) bool {
		return e.Want != nil && e.Want.Equal(engine.FuncType{Results: []abi.ValType{abi.I32}}) &&
			e.Have != nil && e.Have.Equal(engine.FuncType{Results: []abi.ValType{abi.I64}})
	}, engine.Import{Module: "env", Name: "f", Type: engine.FuncType{Results: []abi.ValType{abi.I64}}, Fn: nop}),
	"offered twice":       wantImportError(importer(), nil, offer("env", "f", 1), offer("env", "f", 2)),
	"without a function":  wantImportError(importer(), nil, engine.Import{Module: "env", Name: "f", Type: returnsI32}),
	"memory":              wantImportError(importing(wt.KindMemory, wt.Limits(1, 1)), nil, offer("env", "x", 1)),
	"table":               wantImportError(importing(wt.KindTable, wt.Cat([]byte{wt.FuncRef}, wt.Limits(1, 1))), nil, offer("env", "x", 1)),
	"global":              wantImportError(importing(wt.KindGlobal, []byte{wt.I32, 0}), nil, offer("env", "x", 1)),
	"start section":       wantCompileError(startModule()),
	"empty":               wantCompileError(nil),
	"no module":           wantCompileError([]byte("not a module")),
	"header only, cut":    wantCompileError(wt.Header[:7]),
	"section cut":         wantCompileError(wt.Cat(wt.Header, []byte{wt.SecImport, 5, 1})),
	"section size claims": wantCompileError(wt.Cat(wt.Header, []byte{wt.SecType, 0xff, 0xff, 0xff, 0xff, 0x0f})),
	"type error":          wantCompileError(guest(nil, types(wt.I32), wt.Code{})),
	"hostile names":       testHostileImport,
	"unused offers":       testUnusedOffers,
	"imported twice":      testImportedTwice,
	"bound per code":      testBoundPerCode,
}

var returnsI32 = engine.FuncType{Results: []abi.ValType{abi.I32}}

func nop(context.Context, engine.Memory, []uint64) error { return nil }

// offer is a host function () -> i32 that returns v.
func offer(module, name string, v uint32) engine.Import {
	return engine.Import{Module: module, Name: name, Type: returnsI32,
		Fn: func(_ context.Context, _ engine.Memory, stack []uint64) error {
			stack[0] = uint64(v)
			return nil
		}}
}

// importer is a module whose "f" returns what the import "env" "f" returns.
func importer() []byte {
	b := wt.New()
	imported := b.ImportFunc("env", "f", nil, types(wt.I32))
	b.Export("f", wt.KindFunc, b.Func(nil, types(wt.I32), nil, wt.Code{}.Call(imported)))
	return b.Bytes()
}

// importing is a module that imports "env" "x" of a kind.
func importing(kind byte, desc []byte) []byte {
	b := wt.New()
	b.Import("env", "x", kind, desc)
	return b.Bytes()
}

func startModule() []byte {
	b := wt.New()
	b.Start(b.Func(nil, nil, nil, wt.Code{}))
	return b.Bytes()
}

func wantImportError(wasm []byte, check func(*engine.ImportError) bool, offers ...engine.Import) func(*testing.T, engine.Engine) {
	return func(t *testing.T, e engine.Engine) {
		_, err := e.Compile(t.Context(), wasm, offers)
		var imp *engine.ImportError
		if !errors.As(err, &imp) {
			t.Fatalf("error is %T %v, want an ImportError", err, err)
		}
		if check != nil && !check(imp) {
			t.Errorf("error is %+v", imp)
		}
	}
}

func wantCompileError(wasm []byte) func(*testing.T, engine.Engine) {
	return func(t *testing.T, e engine.Engine) {
		_, err := e.Compile(t.Context(), wasm, nil)
		var compile *engine.CompileError
		if !errors.As(err, &compile) {
			t.Fatalf("error is %T %v, want a CompileError", err, err)
		}
	}
}

// testHostileImport has names that would make the error text a weapon.
func testHostileImport(t *testing.T, e engine.Engine) {
	b := wt.New()
	b.ImportFunc(strings.Repeat("\x1b[2J\u202e", 1<<12), strings.Repeat("n", 1<<16), nil, nil)
	b.Export("\x1b[2J", wt.KindFunc, 99) // does not exist, which compilers report by name
	for _, wasm := range [][]byte{b.Bytes(), exporting("\x1b[2J" + strings.Repeat("n", 1<<16))} {
		_, err := e.Compile(t.Context(), wasm, nil)
		if err == nil {
			t.Fatal("compiled")
		}
		if text := err.Error(); strings.ContainsAny(text, "\x1b\u202e\n") || len(text) > 4<<10 {
			t.Errorf("text of %d bytes: %.100q", len(text), text)
		}
	}
}

// exporting is a module that exports a function twice under one name, which is invalid.
func exporting(name string) []byte {
	b := wt.New()
	f := b.Func(nil, nil, nil, wt.Code{})
	b.Export(name, wt.KindFunc, f)
	b.Export(name, wt.KindFunc, f)
	return b.Bytes()
}

func testUnusedOffers(t *testing.T, e engine.Engine) {
	inst := instantiate(t, e, importer(),
		offer("env", "unused", 1), offer("env", "f", 7), offer("unused", "f", 2),
		offer("unused", "twice", 1), offer("unused", "twice", 2), offer("", "f", 3))
	if got := mustCall(t, inst, "f"); got != 7 {
		t.Errorf("f() = %d", got)
	}
}

func testImportedTwice(t *testing.T, e engine.Engine) {
	b := wt.New()
	one := b.ImportFunc("env", "f", nil, types(wt.I32))
	two := b.ImportFunc("env", "f", nil, types(wt.I32))
	b.Export("f", wt.KindFunc, b.Func(nil, types(wt.I32), nil, wt.Code{}.Call(one).Call(two).Op(wt.OpI32Add)))
	if got := mustCall(t, instantiate(t, e, b.Bytes(), offer("env", "f", 3)), "f"); got != 6 {
		t.Errorf("f() = %d", got)
	}
}

func testBoundPerCode(t *testing.T, e engine.Engine) {
	one := instantiate(t, e, importer(), offer("env", "f", 1))
	two := instantiate(t, e, importer(), offer("env", "f", 2))
	if a, b := mustCall(t, one, "f"), mustCall(t, two, "f"); a != 1 || b != 2 {
		t.Errorf("f() = %d and %d, want 1 and 2", a, b)
	}
}
