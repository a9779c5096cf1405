package host_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/internal/wasmtest"
)

// TestTotalMemory: idle instances make room, those in use do not, and nothing
// is counted that is gone.
func TestTotalMemory(t *testing.T) {
	const page = 1 << 16
	h := newHost(t, newEngine(t, false), host.Config{MaxTotalMemoryBytes: 64 * page, Limits: host.Limits{MaxInstances: 8}})
	var mods []*host.Module
	for i := range 10 {
		mods = append(mods, load(t, h, wasmtest.Codec(wasmtest.Memory(16, 64)), host.Binding{Name: fmt.Sprint(i)}))
		if used := h.MemoryCounted(); used > 64*page || uint64(used) != h.Stats().MemoryBytes {
			t.Errorf("after %d: %d counted, %d there", i, used, h.Stats().MemoryBytes)
		}
	}
	var held []host.Instance
	for _, m := range mods[:4] {
		held = append(held, acquire(t, m))
	}
	_, err := mods[5].Acquire(t.Context())
	wantLimit(t, err, host.LimitTotalMemory)
	if s := mods[5].Stats(); s.InUse != 0 {
		t.Errorf("%+v", s)
	}
	held[0].Release()
	if _, err := decode(mods[5], []byte("x")); err != nil {
		t.Error(err)
	}
	for _, i := range held {
		i.Release()
	}
	for _, m := range mods {
		if err := m.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if used := h.MemoryCounted(); used != 0 {
		t.Errorf("%d counted, nothing is there", used)
	}
}

// TestTotalMemoryGrows: many calls that grow at the same time are ended where
// it gets too much, and what is left over is not kept.
func TestTotalMemoryGrows(t *testing.T) {
	const page, calls = 1 << 16, 12
	h := newHost(t, newEngine(t, false), host.Config{
		MaxTotalMemoryBytes: 100 * page, Breaker: host.Breaker{Faults: 1},
		Limits: host.Limits{MaxInstances: calls, FuelPerCall: 20_000_000, MaxRetainedBytes: 1 << 30},
	})
	// It grows by a page as often as it gets, then spins for some slices.
	m := load(t, h, wasmtest.Codec(wasmtest.Memory(1, 64), wasmtest.Body(abi.ExportCodecDecode, code{}.
		Loop(wasmtest.Void).I32Const(1).MemoryGrow().I32Const(-1).Op(0x47).BrIf(0).End(). // i32.ne
		I32Const(500_000).LocalSet(2).Op(spin(2)...).I64Const(16<<32))), host.Binding{})
	var wg sync.WaitGroup
	for range calls {
		wg.Go(func() {
			if _, err := decode(m, nil); err != nil {
				wantLimit(t, err, host.LimitTotalMemory)
			}
		})
	}
	wg.Wait()
	if used := h.MemoryCounted(); used > 100*page || uint64(used) != h.Stats().MemoryBytes {
		t.Errorf("%d counted, %d there", used, h.Stats().MemoryBytes)
	}
	if q := h.Quarantined(); len(q) != 0 {
		t.Errorf("%+v", q)
	}
	if _, err := decode(m, nil); err != nil {
		t.Error(err)
	}
}
