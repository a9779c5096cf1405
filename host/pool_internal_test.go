package host

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestPoolConcurrently: whatever takers, givers and those who give up do at the
// same time, never are there more instances than allowed, none is handed out
// twice, none is lost, and closing closes each once.
func TestPoolConcurrently(t *testing.T) {
	const most, workers, rounds = 3, 16, 400
	var ended, alive, peak atomic.Int32
	var p *pool
	end := func(g *guest) {
		if g.dead {
			t.Error("closed twice")
		}
		g.dead = true
		ended.Add(1)
		alive.Add(-1)
		p.strike(g)
	}
	p = newPool(most, end)
	var made atomic.Int32
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for r := range rounds {
				ctx, cancel := context.WithCancel(t.Context())
				if rand.N(3) == 0 {
					time.AfterFunc(time.Duration(rand.N(50))*time.Microsecond, cancel)
				}
				g, err := p.take(ctx, fmt.Sprint(w%5), func() {})
				if err != nil {
					cancel()
					if !errors.Is(err, context.Canceled) {
						t.Error(err)
					}
					continue
				}
				if g == nil {
					g = &guest{}
					made.Add(1)
					p.enrol(g)
					if n := alive.Add(1); n > peak.Load() {
						peak.Store(n)
					}
				}
				if !g.lease.state.CompareAndSwap(0, 1) {
					t.Error("handed out twice")
				}
				g.domain = fmt.Sprint(w % 5)
				g.lease.state.Store(0)
				if r%7 == 0 {
					end(g)
					p.put(nil)
				} else {
					p.put(g)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if peak.Load() > most || p.inUse() != 0 || len(p.waiting) != 0 {
		t.Errorf("%d instances at a time, %d in use, %d wait", peak.Load(), p.inUse(), len(p.waiting))
	}
	p.close()
	p.close()
	if err := p.wait(t.Context()); err != nil {
		t.Error(err)
	}
	if made.Load() != ended.Load() || len(p.unused) != most {
		t.Errorf("%d made, %d ended, %d slots free", made.Load(), ended.Load(), len(p.unused))
	}
}

// TestPoolCloses: what is handed out while the pool closes is closed as it
// comes back, and before the pool counts as drained.
func TestPoolCloses(t *testing.T) {
	for range 300 {
		var alive atomic.Int32
		var p *pool
		p = newPool(4, func(g *guest) { alive.Add(-1); p.strike(g) })
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				for {
					g, err := p.take(t.Context(), "", func() {})
					if err != nil {
						return
					}
					if g == nil {
						g = &guest{}
						p.enrol(g)
						alive.Add(1)
					}
					p.put(g)
				}
			})
		}
		p.close()
		if err := p.wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := alive.Load(); n != 0 {
			t.Fatalf("%d instances are left in a drained pool", n)
		}
		wg.Wait()
	}
}

// TestPoolPrefersDomain: of the free instances, the domain gets its own.
func TestPoolPrefersDomain(t *testing.T) {
	p := newPool(2, func(*guest) {})
	byDomain := map[string]*guest{}
	for _, d := range []string{"alice", "bob"} {
		if _, err := p.take(t.Context(), d, func() {}); err != nil {
			t.Fatal(err)
		}
		byDomain[d] = &guest{domain: d}
		p.enrol(byDomain[d])
	}
	if shard("alice") == shard("bob") {
		t.Skip("they share a list")
	}
	for _, g := range byDomain {
		p.put(g)
	}
	for d, want := range byDomain {
		if g, err := p.take(t.Context(), d, func() {}); g != want || err != nil {
			t.Errorf("%s got the instance of somebody else", d)
		}
	}
}
