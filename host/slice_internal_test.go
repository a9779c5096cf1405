package host

import (
	"errors"
	"testing"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/meter"
)

type noMemory struct{}

func (noMemory) Size() uint64                       { return 1 << 16 }
func (noMemory) View(uint32, uint32) ([]byte, bool) { return nil, false }

// TestMemoryGaveOut: a guest must not see that the machine has no memory left,
// and is not to blame for it.
func TestMemoryGaveOut(t *testing.T) {
	g := &guest{m: &Module{id: moduleA}, mem: noMemory{}}
	_, err := g.slice(meter.MemoryGaveOut)
	var limit *LimitError
	if !errors.As(err, &limit) || limit.Limit != LimitHostMemory || limit.fault() || !errors.Is(err, abi.StatusLimit) {
		t.Errorf("got %v", err)
	}
}

// TestGrant: overdrawn fuel is paid back, to the unit.
func TestGrant(t *testing.T) {
	const most = 5*sliceFuel + 7
	for _, c := range []struct{ granted, fuel, want int64 }{
		{sliceFuel, -1, sliceFuel},
		{sliceFuel, -3 * sliceFuel, 3 * sliceFuel}, // one long memory.fill
		{5 * sliceFuel, -1, 7},
		{5 * sliceFuel, -7, 7},
		{5 * sliceFuel, -8, -1},
		{most, -1, -1},
		{sliceFuel, -5 * sliceFuel, -1},
	} {
		g := &guest{m: &Module{limits: Limits{FuelPerCall: most}}}
		g.run.granted = c.granted
		got, err := g.grant(c.fuel)
		if err != nil {
			got = -1
		}
		if got != c.want {
			t.Errorf("having %d, at %d: %d (%v), want %d", c.granted, c.fuel, got, err, c.want)
		}
	}
}

// TestLimitsClass: one compilation serves all limits up to the next power of two.
func TestLimitsClass(t *testing.T) {
	for limit, pages := range map[int64]uint32{1 << 16: 1024, 64 << 20: 1024, 64<<20 + 1<<16: 2048, 100 << 20: 2048, 1 << 30: 16384, 4 << 30: 65536} {
		if got := (Limits{MaxMemoryBytes: limit}).class().MaxMemoryPages; got != pages {
			t.Errorf("%d bytes: class of %d pages, want %d", limit, got, pages)
		}
	}
}

// TestOverride: each field of a binding's limits replaces that of the host's.
func TestOverride(t *testing.T) {
	var host, binding Limits
	for i, f := range host.fields() {
		f.set(int64(i + 1))
	}
	for i, f := range binding.fields() {
		f.set(int64(100 + i))
	}
	if got := host.override(Limits{}); got != host {
		t.Errorf("nothing replaced something: %+v", got)
	}
	if got := host.override(binding); got != binding {
		t.Errorf("%+v", got)
	}
	if got := (Limits{}).withDefaults(true); got.FuelPerCall <= (Limits{}).withDefaults(false).FuelPerCall {
		t.Errorf("%+v", got)
	}
}
