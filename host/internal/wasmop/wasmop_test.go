package wasmop_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/iprt/iprt/host/internal/wasmbin"
	"github.com/iprt/iprt/host/internal/wasmop"
)

// Real modules walk to the exact end of each body, and the stack is empty there but for the results.
func TestRealModules(t *testing.T) {
	files, err := filepath.Glob("../../../codecs/*/*.wasm")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d codecs: %v", len(files), err)
	}
	for _, path := range files {
		wasm, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if n := walk(t, path, wasm); n == 0 {
			t.Errorf("%s: no instructions", path)
		}
	}
}

func walk(t *testing.T, name string, wasm []byte) (instructions int) {
	var sigs wasmop.Signatures
	var r wasmop.Reader
	var s wasmop.Stack
	imported := 0
	for sections := wasmbin.NewSections(wasm); sections.Next(); {
		c := sections.Section()
		switch c.ID {
		case wasmbin.Type:
			sigs.Types = types(c.Reader())
		case wasmbin.Import:
			sigs.Funcs = imports(c.Reader())
			imported = len(sigs.Funcs)
		case wasmbin.Function:
			in := c.Reader()
			for range in.U32() {
				sigs.Funcs = append(sigs.Funcs, in.U32())
			}
		case wasmbin.Code:
			bodies := wasmop.NewBodies(c)
			for f := imported; bodies.Next(); f++ {
				r.Reset(bodies.Body())
				s.Reset(&sigs, sigs.Funcs[f])
				for r.Next() {
					instructions++
					if err := s.Step(&r); err != nil {
						t.Errorf("%s: function %d: %v", name, f, err)
						break
					}
				}
				if err := r.Err(); err != nil {
					t.Errorf("%s: function %d: %v", name, f, err)
				}
				if want := sigs.Func(uint32(f)).Results; len(s.Frames) != 0 || s.Height != want {
					t.Errorf("%s: function %d ends with %d operands, expected %d", name, f, s.Height, want)
				}
			}
			if err := bodies.Err(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	return instructions
}

func types(r *wasmbin.Reader) (out []wasmop.Arity) {
	for range r.U32() {
		r.Byte()
		params := len(r.Bytes(r.U32()))
		out = append(out, wasmop.Arity{Params: params, Results: len(r.Bytes(r.U32()))})
	}
	return out
}

func imports(r *wasmbin.Reader) (out []uint32) {
	for range r.U32() {
		r.Name()
		r.Name()
		switch wasmbin.Kind(r.Byte()) {
		case wasmbin.KindFunc:
			out = append(out, r.U32())
		case wasmbin.KindTable:
			r.RefType()
			r.Limits()
		case wasmbin.KindMemory:
			r.Limits()
		case wasmbin.KindGlobal:
			r.ValType()
			r.Byte()
		}
	}
	return out
}
