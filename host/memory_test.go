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

// TestTotalMemoryCountsStacks: what a call has on its stack when it asks for
// its second slice counts, until it ends.
func TestTotalMemoryCountsStacks(t *testing.T) {
	const page = 1 << 16
	for name, c := range map[string]struct {
		depth uint32
		limit bool
	}{"flat": {1, false}, "deep": {800, true}} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, newEngine(t, false), host.Config{MaxTotalMemoryBytes: 2 * page})
			m := load(t, h, wasmtest.Codec(wasmtest.Memory(1, 1), recursion, wasmtest.Body(abi.ExportCodecDecode, code{}.
				LocalGet(0).Mem(wasmtest.OpI32Load, 2, 0).Call(recursionIndex).I64Const(16<<32))), host.Binding{})
			i := acquire(t, m)
			defer i.Release()
			_, err := i.Call(t.Context(), host.CodecDecode, times(c.depth), nil)
			if c.limit {
				wantLimit(t, err, host.LimitTotalMemory)
			} else if err != nil {
				t.Error(err)
			}
			if used := h.MemoryCounted(); used != page { // although the instance is still held
				t.Errorf("%d counted after the call, want %d", used, page)
			}
		})
	}
}

// recursion is a function that calls itself as often as its parameter says,
// each time with 20 values kept on the stack, and takes several slices at the
// deep end. It is the first after those that every codec has.
var recursion = wasmtest.Edit(func(b *wasmtest.Builder) {
	c := code{}.LocalGet(0).Op(wasmtest.OpI32Eqz).If(wasmtest.Void).
		I32Const(500_000).LocalSet(1).Op(spin(1)...).Raw(0x0f).End() // return
	for i := range uint32(20) {
		c = c.I32Const(64).Mem(wasmtest.OpI32Load, 2, 4*i)
	}
	c = c.LocalGet(0).I32Const(1).Op(wasmtest.OpI32Sub).Call(recursionIndex)
	for range 19 {
		c = c.Op(wasmtest.OpI32Add)
	}
	b.Func([]byte{i32}, nil, []wasmtest.Local{{Count: 1, Type: i32}}, c.LocalSet(1))
})

const recursionIndex = 6
