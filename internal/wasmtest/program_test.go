package wasmtest_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/iprt/iprt/internal/wasmtest"
)

// TestProgram: any bytes make a module that an engine takes, the same one each time.
func TestProgram(t *testing.T) {
	ctx := context.Background()
	e := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer e.Close(ctx)
	sizes := 0
	for i := range uint64(2000) {
		r := rand.New(rand.NewPCG(i, 1))
		seed := make([]byte, r.IntN(600))
		for i := range seed {
			seed[i] = byte(r.Uint32())
		}
		wasm := wasmtest.Program(seed, i%2 == 0)
		if !bytes.Equal(wasm, wasmtest.Program(seed, i%2 == 0)) {
			t.Fatalf("program %d: two of the same bytes", i)
		}
		m, err := e.CompileModule(ctx, wasm)
		if err != nil {
			t.Fatalf("program %d: %v", i, err)
		}
		if len(m.ImportedFunctions()) > 0 || m.ExportedFunctions()["f0"] == nil {
			t.Fatalf("program %d: %d imports, %d exports", i, len(m.ImportedFunctions()), len(m.ExportedFunctions()))
		}
		sizes += len(wasm)
		_ = m.Close(ctx)
	}
	if sizes < 2000*300 {
		t.Errorf("2000 programs have %d bytes", sizes)
	}
}
