package meter_test

import (
	"runtime"
	"testing"

	"github.com/iprt/iprt/host/meter"
	w "github.com/iprt/iprt/internal/wasmtest"
)

// TestReferencesCostNothing: a guest that makes references to functions without end must not fill the host's memory with them, which
// is what wazero's compiler would have it do, 32 bytes for each.
func TestReferencesCostNothing(t *testing.T) {
	b := w.New()
	refs := w.Code{}
	for range 100 {
		refs = append(refs, 0xd2, 0, w.OpDrop) // ref.func 0
	}
	code := w.Code(w.Cat(w.Code{}.Loop(w.Void), refs, w.Code{}.LocalGet(0).I32Const(1).Op(w.OpI32Sub).LocalTee(0).BrIf(0).End()))
	b.Export("f", w.KindFunc, b.Func([]byte{w.I32}, nil, nil, code))
	for name, cfg := range engineConfigs {
		g := instantiate(t, newEngine(t, cfg), rewrite(t, b.Bytes(), meter.Config{}))
		g.setFuel(1 << 40)
		before := heap()
		if _, err := g.call("f", 20_000); err != nil {
			t.Fatal(err)
		}
		if grown := heap() - before; grown > 8<<20 {
			t.Errorf("%s: two million references left %d bytes", name, grown)
		}
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
