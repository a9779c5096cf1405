package host

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

type memoryStore struct {
	kept []Quarantine
	err  error
}

func (s *memoryStore) Load() ([]Quarantine, error) { return s.kept, s.err }
func (s *memoryStore) Save(q []Quarantine) error   { s.kept = slices.Clone(q); return s.err }

var moduleA = testCID("a")

func testCID(of string) cid.Cid {
	h, err := multihash.Sum([]byte(of), multihash.SHA2_256, -1)
	if err != nil {
		panic(err)
	}
	return cid.NewCidV1(cid.Raw, h)
}

// bench is a breaker with a clock that the test turns.
type breakerBench struct {
	*breakers
	m     *breaker
	clock time.Time
}

func newBreakerBench(cfg Breaker, store BreakerStore) *breakerBench {
	b := &breakerBench{breakers: newBreakers(cfg, store, slog.New(slog.DiscardHandler)), clock: time.Now()}
	b.now = func() time.Time { return b.clock }
	b.m = b.module(moduleA)
	return b
}

func (b *breakerBench) faults(n int, domain string) (tripped int) {
	for range n {
		if _, ok := b.fault(b.m, domain, "it broke"); ok {
			tripped++
		}
	}
	return tripped
}

func (b *breakerBench) wants(t *testing.T, domain string, want bool) {
	t.Helper()
	if q, got := b.check(b.m, domain); got != want {
		t.Errorf("in domain %q: quarantined %v (%+v), want %v", domain, got, q, want)
	}
}

func TestBreakerTrips(t *testing.T) {
	b := newBreakerBench(Breaker{Faults: 3}, nil)
	b.faults(2, "")
	b.clock = b.clock.Add(time.Minute + 1)
	if b.faults(2, "") != 0 {
		t.Error("faults outside the window count")
	}
	b.wants(t, "", false)
	if b.faults(1, "") != 1 {
		t.Error("three faults within the window do not trip")
	}
	b.wants(t, "", true)
	b.wants(t, "somebody", true) // the host's own domain is everybody's
	if b.faults(10, "") != 0 {
		t.Error("calls that were running trip again")
	}
	b.clock = b.clock.Add(time.Minute)
	b.wants(t, "", false)
	b.wants(t, "", false)
}

func TestBreakerBacksOff(t *testing.T) {
	b := newBreakerBench(Breaker{Faults: 1, Cooldown: time.Minute, MaxCooldown: 3 * time.Minute}, nil)
	for i, want := range []time.Duration{time.Minute, 2 * time.Minute, 3 * time.Minute, 3 * time.Minute} {
		b.faults(1, "")
		q := b.list()[0]
		if got := q.Until.Sub(q.Since); got != want || q.Trips != i+1 {
			t.Errorf("quarantine %d lasts %v (%d in a row), want %v", i+1, got, q.Trips, want)
		}
		b.clock = q.Until.Add(time.Second)
	}
	b.clock = b.clock.Add(3 * time.Minute) // it behaved for as long as it sat
	b.faults(1, "")
	if q := b.list()[0]; q.Trips != 1 || q.Until.Sub(q.Since) != time.Minute {
		t.Errorf("after good behaviour: %+v", q)
	}
}

// TestBreakerDomains: a domain can lock itself out, and nobody else; several
// at once are believed.
func TestBreakerDomains(t *testing.T) {
	b := newBreakerBench(Breaker{Faults: 2}, nil)
	for i := range b.cfg.Spread {
		for _, d := range []string{"honest", ""} {
			b.wants(t, d, false)
		}
		evil := fmt.Sprint("evil", i)
		b.faults(2, evil)
		b.wants(t, evil, true)
	}
	b.wants(t, "honest", true)
	b.wants(t, "", true)
	if len(b.list()) != b.cfg.Spread {
		t.Errorf("%+v", b.list())
	}
}

func TestBreakerRelease(t *testing.T) {
	store := &memoryStore{}
	b := newBreakerBench(Breaker{Faults: 1}, store)
	if b.release(moduleA) || b.release(testCID("never seen")) {
		t.Error("released what was not in quarantine")
	}
	b.faults(1, "")
	b.faults(1, "x")
	if !b.release(moduleA) || len(b.list()) != 0 || len(store.kept) != 0 {
		t.Errorf("left: %+v, kept: %+v", b.list(), store.kept)
	}
	b.wants(t, "", false)
	b.faults(1, "")
	if q := b.list(); len(q) != 1 || q[0].Trips != 1 {
		t.Errorf("after a release: %+v", q)
	}
}

func TestBreakerPersists(t *testing.T) {
	store := &memoryStore{}
	b := newBreakerBench(Breaker{Faults: 1}, store)
	b.faults(1, "x")
	again := newBreakerBench(Breaker{Faults: 1}, store)
	again.wants(t, "x", true)
	again.wants(t, "y", false)

	// A file from a machine whose clock was in another century.
	store.kept[0].Until = time.Now().Add(1e6 * time.Hour)
	again = newBreakerBench(Breaker{Faults: 1}, store)
	again.clock = again.clock.Add(24*time.Hour + time.Minute)
	again.wants(t, "x", false)

	store.err = errors.New("disk full")
	lost := newBreakerBench(Breaker{Faults: 1}, &memoryStore{err: store.err})
	lost.wants(t, "x", false)
	if lost.faults(1, "") != 1 {
		t.Error("a store that fails stops the breaker")
	}
	lost.wants(t, "", true)
}

func TestBreakerForgets(t *testing.T) {
	b := newBreakerBench(Breaker{Faults: 2}, nil)
	b.faults(1, "")
	for i := range 3 * maxDomains {
		b.clock = b.clock.Add(1)
		b.faults(1, fmt.Sprint(i))
	}
	if n := len(b.m.domains); n > maxDomains {
		t.Errorf("watches %d domains", n)
	}
	if b.faults(1, "") != 1 {
		t.Error("strangers made it forget the host's own faults")
	}
}

func TestBreakerForgetsModules(t *testing.T) {
	b := newBreakerBench(Breaker{Faults: 1}, nil)
	b.faults(1, "")
	for i := range 3 * maxBreakers {
		b.leave(b.module(testCID(fmt.Sprint(i))))
	}
	if n := len(b.modules); n > maxBreakers {
		t.Errorf("remembers %d modules", n)
	}
	b.wants(t, "", true)
	if len(b.list()) != 1 {
		t.Error("a quarantine was forgotten")
	}
}

func TestBreakerOff(t *testing.T) {
	b := newBreakerBench(Breaker{Faults: -1}, nil)
	b.faults(1000, "")
	b.wants(t, "", false)
}

func TestBreakerConcurrently(t *testing.T) {
	b := newBreakerBench(Breaker{Faults: 5}, &memoryStore{})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 200 {
				b.faults(1, fmt.Sprint(i%3))
				b.check(b.m, "")
				b.list()
				if i == 0 {
					b.release(moduleA)
				}
			}
		})
	}
	wg.Wait()
}

// TestSpreadNever: where strangers make the domains, no number of them adds up
// to all.
func TestSpreadNever(t *testing.T) {
	b := newBreakerBench(Breaker{Faults: 1, Spread: -1}, nil)
	for i := range 10 {
		b.faults(1, fmt.Sprint("domain ", i))
	}
	b.wants(t, "domain 9", true)
	b.wants(t, "another", false)
	b.faults(1, "")
	b.wants(t, "another", true)
}
