package host_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/manifest"
	"github.com/iprt/iprt/internal/wasmtest"
)

// alarm is an observer of quarantines.
type alarm struct {
	observer
	mu   sync.Mutex
	seen []host.Quarantine
}

func (a *alarm) Quarantined(q host.Quarantine) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen = append(a.seen, q)
}

// TestQuarantine follows a module that traps on every second call into
// quarantine and out again.
func TestQuarantine(t *testing.T) {
	var a alarm
	h := newHost(t, newEngine(t, false), host.Config{Observer: &a, Breaker: host.Breaker{Faults: 3}})
	// It traps on an input, and returns a status without.
	wasm := wasmtest.Codec(wasmtest.Body(abi.ExportCodecDecode, code{}.
		LocalGet(1).If(wasmtest.Void).Op(wasmtest.OpUnreachable).End().I64Const(4)))
	m := load(t, h, wasm, host.Binding{Name: "a"})
	held := acquire(t, m)
	defer held.Release()
	for range 20 {
		if _, err := decode(m, nil); !errors.Is(err, abi.StatusNotFound) {
			t.Fatalf("statuses count as faults: %v", err)
		}
	}
	for range 3 {
		if _, err := decode(m, []byte("x")); !errors.As(err, new(*host.TrapError)) {
			t.Fatal(err)
		}
	}
	_, err := decode(m, nil)
	wantRefused(t, err, host.RefusedQuarantine)
	_, err = held.Call(t.Context(), host.CodecDecode, nil, nil)
	wantRefused(t, err, host.RefusedQuarantine)
	_, err = h.LoadVerified(t.Context(), verified(wasm), host.Binding{Name: "b"})
	wantRefused(t, err, host.RefusedQuarantine)

	q := h.Quarantined()
	if len(q) != 1 || q[0].Module != m.ID() || !strings.Contains(q[0].Reason, "unreachable") || q[0].Until.Sub(q[0].Since) != time.Minute {
		t.Errorf("%+v", q)
	}
	if len(a.seen) != 1 || h.Stats().Quarantined != 1 {
		t.Errorf("observer saw %+v, the host counts %d", a.seen, h.Stats().Quarantined)
	}
	if !h.Release(m.ID()) || h.Release(m.ID()) || len(h.Quarantined()) != 0 {
		t.Error("it is not released once")
	}
	if _, err := decode(m, nil); !errors.Is(err, abi.StatusNotFound) {
		t.Error(err)
	}
}

// TestQuarantineOfDomain: a stranger with a block that burns all fuel loses
// the module, and nobody else does.
func TestQuarantineOfDomain(t *testing.T) {
	h := newHost(t, newEngine(t, false), host.Config{Breaker: host.Breaker{Faults: 2}, Limits: host.Limits{FuelPerCall: 200_000}})
	m := load(t, h, spinner(), host.Binding{})
	evil := host.InDomain(t.Context(), "evil")
	for range 2 {
		wantLimit(t, callIn(evil, m, endless), "FuelPerCall")
	}
	wantRefused(t, callIn(evil, m, times(1)), host.RefusedQuarantine)
	for _, ctx := range []context.Context{t.Context(), host.InDomain(t.Context(), "honest")} {
		if err := callIn(ctx, m, times(1)); err != nil {
			t.Error(err)
		}
	}
}

// TestNoFault: what a caller or a busy host brings about is not the fault of a
// module, nor are calls of one that the operator pinned.
func TestNoFault(t *testing.T) {
	limits := host.Limits{FuelPerCall: 200_000, MaxInputBytes: 1 << 20, MaxOutputBytes: 16}
	for name, c := range map[string]struct {
		wasm    []byte
		binding host.Binding
		call    func(m *host.Module) error
	}{
		"pinned":        {spinner(), host.Binding{Pinned: true}, func(m *host.Module) error { return callIn(t.Context(), m, endless) }},
		"input":         {spinner(), host.Binding{}, func(m *host.Module) error { return callIn(t.Context(), m, make([]byte, 2<<20)) }},
		"out of memory": {wasmtest.Codec(wasmtest.Memory(1, 1)), host.Binding{}, func(m *host.Module) error { return callIn(t.Context(), m, make([]byte, 1<<17)) }},
		"output":        {spinner(), host.Binding{}, func(m *host.Module) error { return callIn(t.Context(), m, append(times(1), make([]byte, 16)...)) }},
		"depth": {wasmtest.Codec(wasmtest.Body(abi.ExportAlloc, code{}.LocalGet(0).Call(1))), host.Binding{},
			func(m *host.Module) error { return callIn(t.Context(), m, []byte("x")) }},
		"cancelled": {spinner(), host.Binding{Limits: host.Limits{FuelPerCall: 1 << 40}}, func(m *host.Module) error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			return callIn(ctx, m, endless)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, newEngine(t, false), host.Config{Breaker: host.Breaker{Faults: 1}, Limits: limits})
			m := load(t, h, c.wasm, c.binding)
			for range 3 {
				if err := c.call(m); err == nil || errors.As(err, new(*host.RefusedError)) {
					t.Errorf("got %v", err)
				}
			}
			if q := h.Quarantined(); len(q) != 0 {
				t.Errorf("%+v", q)
			}
		})
	}
}

// blacklist is a policy that allows everything else.
type blacklist struct{ names []string }

func (b blacklist) Denied(c host.Candidate) bool {
	for _, n := range b.names {
		if c.Manifest.Name == n {
			return true
		}
	}
	return false
}

func (b blacklist) Allow(_ context.Context, c host.Candidate) error {
	if b.Denied(c) {
		return fmt.Errorf("%s is denied", c.Manifest.Name)
	}
	return nil
}

// TestDenialIsFinal: no policy allows what another one beside it denies.
func TestDenialIsFinal(t *testing.T) {
	evil, good := wasmtest.Codec(wasmtest.ManifestName("evil")), wasmtest.Codec(wasmtest.ManifestName("good"))
	list := host.AllowList(verified(evil).ID(), verified(good).ID())
	for name, p := range map[string]host.Policy{
		"alone": blacklist{[]string{"evil"}}, "first": host.AnyOf(blacklist{[]string{"evil"}}, list),
		"last": host.AnyOf(list, blacklist{[]string{"evil"}}), "inside": host.AnyOf(list, host.AnyOf(blacklist{[]string{"evil"}})),
	} {
		h := newHost(t, newEngine(t, true), host.Config{Policy: p})
		_, err := h.LoadVerified(t.Context(), verified(evil), host.Binding{})
		wantRefused(t, err, host.RefusedDenied)
		if _, err := h.LoadVerified(t.Context(), verified(good), host.Binding{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := p.Allow(t.Context(), host.Candidate{ID: verified(evil).ID(), Manifest: &manifest.Manifest{Name: "evil"}}); err == nil {
			t.Errorf("%s allows it when asked directly", name)
		}
	}
}
