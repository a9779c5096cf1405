package host_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/internal/wasmtest"
)

// plain burns a few units for each of n steps, without any that the meter looks at.
func plain(n int) code { return bytes.Repeat(code{}.I32Const(1).Op(wasmtest.OpDrop), n) }

// result returns 4 bytes of the memory.
func result(c code) code { return c.I64Const(16<<32 | 4) }

// TestBudgetIsExact (MET-8): a call whose budget is one unit less than what it
// burns has no result, wherever in its code that unit is; and starts likewise.
func TestBudgetIsExact(t *testing.T) {
	decodes := func(c code) wasmtest.Option { return wasmtest.Body(abi.ExportCodecDecode, c) }
	for name, c := range map[string]struct {
		wasm    []byte
		block   []byte
		status  abi.Status
		startup bool
	}{
		"a small function":  {wasm: wasmtest.Codec(decodes(result(plain(40))))},
		"a status":          {wasm: wasmtest.Codec(decodes(plain(40).I64Const(int64(abi.StatusNotFound)))), status: abi.StatusNotFound},
		"after many slices": {wasm: spinner(), block: times(50_000)},
		"the allocation": {block: []byte("x"), wasm: wasmtest.Codec(decodes(result(nil)),
			wasmtest.Body(abi.ExportAlloc, plain(40).I32Const(4096)))},
		"_initialize": {startup: true, wasm: wasmtest.Codec(decodes(result(nil)), wasmtest.Initialize(plain(40)))},
		"iprt_init":   {startup: true, wasm: wasmtest.Codec(decodes(result(nil)), wasmtest.Init(plain(40).I32Const(0)))},
		"iprt_error":  {startup: true, wasm: wasmtest.Codec(decodes(result(nil)), wasmtest.Body(abi.ExportError, plain(40).I32Const(1024)))},
	} {
		t.Run(name, func(t *testing.T) {
			engines(t, func(t *testing.T, e engine.Engine) {
				start, call := burnt(t, e, c.wasm, c.block)
				total := int64(call)
				if c.startup {
					total = int64(start)
				} else if start >= call {
					t.Fatalf("the start burns %d, the call %d", start, call)
				}
				for budget := total - 1; budget <= total; budget++ {
					h := newHost(t, e, host.Config{Limits: host.Limits{FuelPerCall: budget}})
					var out []byte
					m, err := h.LoadVerified(t.Context(), verified(c.wasm), host.Binding{})
					if err == nil {
						out, err = decode(m, c.block)
					}
					if budget < total {
						wantLimit(t, err, "FuelPerCall")
						var limit *host.LimitError
						if errors.As(err, &limit) && (limit.Value != uint64(total) || len(out) != 0) {
							t.Errorf("got %d bytes, %v, want %d burnt", len(out), err, total)
						}
					} else if c.status == 0 && err != nil || c.status != 0 && !errors.Is(err, c.status) {
						t.Errorf("having all of %d: %v", total, err)
					}
				}
			})
		})
	}
}

// burnt is what the start of a module and a call of it cost.
func burnt(t *testing.T, e engine.Engine, wasm, block []byte) (start, call uint64) {
	t.Helper()
	m := load(t, newHost(t, e, host.Config{}), wasm, host.Binding{})
	start = m.Stats().Fuel
	var status *host.CallError
	if _, err := decode(m, block); err != nil && !errors.As(err, &status) {
		t.Fatal(err)
	}
	return start, m.Stats().Fuel - start
}
