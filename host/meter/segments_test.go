package meter_test

import (
	"testing"

	"github.com/iprt/iprt/host/meter"
	w "github.com/iprt/iprt/internal/wasmtest"
)

// TestActiveSegments: what instantiation has copied is gone, so memory.init finds an empty segment there, as the specification
// has it. wazero alone finds the bytes again.
func TestActiveSegments(t *testing.T) {
	b := w.New()
	b.Memory(1, 1)
	b.DataCount()
	b.Data(0, []byte("active"))
	b.DataRaw(append([]byte{1, 7}, "passive"...))
	init := func(segment byte) {
		f := b.Func([]byte{w.I32, w.I32, w.I32}, nil, nil, w.Code(w.Cat(w.Code{}.LocalGet(0).LocalGet(1).LocalGet(2), []byte{0xfc, 8, segment, 0})))
		b.Export([]string{"active", "passive"}[segment], w.KindFunc, f)
	}
	init(0)
	init(1)
	for name, cfg := range engineConfigs {
		e := newEngine(t, cfg)
		for _, flavour := range []meter.Flavour{meter.Slices, meter.OneSlice} {
			g := instantiate(t, e, rewrite(t, b.Bytes(), meter.Config{Flavour: flavour}))
			g.setFuel(1e6)
			for _, c := range []struct {
				f         string
				to, at, n uint64
				traps     bool
			}{
				{"active", 0, 0, 0, false},
				{"active", 65536, 0, 0, false},
				{"active", 0, 1, 0, true},
				{"active", 0, 0, 1, true},
				{"active", 65537, 0, 0, true},
				{"passive", 0, 7, 0, false},
				{"passive", 10, 0, 7, false},
				{"passive", 10, 1, 7, true},
			} {
				if _, err := g.call(c.f, c.to, c.at, c.n); (err != nil) != c.traps {
					t.Errorf("%s: %s %d %d %d: %v, traps %v", name, c.f, c.to, c.at, c.n, err, c.traps)
				}
			}
		}
	}
}
