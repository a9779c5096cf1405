package host

import (
	"slices"
	"testing"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
)

// TestEveryRoleExport: each function of each role of the ABI can be called,
// and has the shape that call assumes.
func TestEveryRoleExport(t *testing.T) {
	shape := []abi.ValType{abi.I32, abi.I32, abi.I32, abi.I32}
	known := 0
	for _, role := range abi.Roles {
		for _, e := range role.Exports {
			known++
			if !slices.Contains(exportNames[:], e.Name) {
				t.Errorf("%s of role %s has no Export", e.Name, role.Name)
			}
			if !slices.Equal(e.Params, shape) || !slices.Equal(e.Results, []abi.ValType{abi.I64}) {
				t.Errorf("%s has another shape than two inputs and a packed result", e.Name)
			}
		}
	}
	if known != len(exportNames) {
		t.Errorf("%d exports in the ABI, %d here", known, len(exportNames))
	}
	if s := Export(77).String(); s != "export 77" {
		t.Errorf("an unknown export is %q", s)
	}
}

// TestOfferIsWhole: the host has a function for every call of the ABI.
func TestOfferIsWhole(t *testing.T) {
	o := newOffer()
	for _, c := range slices.Concat(abi.Calls, abi.WASI) {
		if _, ok := o[c.Interface][c.Name]; !ok {
			t.Errorf("%s of %s is missing", c.Name, c.Interface)
		}
	}
	if len(o.interfaces()) != len(abi.Interfaces) {
		t.Errorf("has %v", o)
	}
}

// Offer replaces a function that the host offers to the modules it loads from
// now on. waits says that it may wait, which none of this release does.
func (h *Host) Offer(iface, name string, waits bool, fn engine.HostFunc) {
	f := h.offer[iface][name]
	f.Fn, f.waits = fn, waits
	h.offer[iface][name] = f
}

// Turns tells how many run tokens are in use and how many calls wait for one.
func (h *Host) Turns() (inUse, waiting int) { return h.turns.inUse(), int(h.turns.waiting.Load()) }

// MemoryCounted is what the host believes its instances have.
func (h *Host) MemoryCounted() int64 { return h.memory.used.Load() }
