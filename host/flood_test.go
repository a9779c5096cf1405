package host_test

import (
	"context"
	"errors"
	"runtime"
	"runtime/metrics"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/engine"
)

// The bounds in this file are three times what an idle machine keeps.

// TestCollectorIsNotHeldUp: guests that spin do not keep the garbage collector
// from stopping the world, beyond what it takes while Go code spins, which
// stops at once. On a busy machine that alone is many milliseconds, or a second.
func TestCollectorIsNotHeldUp(t *testing.T) {
	h := newHost(t, newEngine(t, false), host.Config{Limits: host.Limits{MaxCallTime: time.Minute}})
	m := load(t, h, spinner(), host.Binding{Pinned: true})
	guest := func(ctx context.Context) { _ = callIn(ctx, m, endless) }
	loop := func(ctx context.Context) {
		for n := 0; ctx.Err() == nil; n++ {
		}
	}
	good := 0
	for run := 0; run < 5 && good < 4; run++ {
		code, codeStop := collections(t, 30, 1, loop) // of two guests, one runs at a time
		worst, stop := collections(t, 100, 2, guest)
		if worst <= 3*(20*time.Millisecond+code) {
			good++
		}
		t.Logf("worst of 100 collections: %v, of which %v to stop the world; of 30 with a Go loop, %v and %v", worst, stop, code, codeStop)
	}
	if good < 4 {
		t.Errorf("the collector was held up in %d of 5 runs", 5-good)
	}
}

// collections is how long the longest of n took while goroutines ran spin, and the longest that stopping the world took in them.
func collections(t *testing.T, n, spinning int, spin func(context.Context)) (worst, stop time.Duration) {
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for range spinning {
		wg.Go(func() {
			for ctx.Err() == nil {
				spin(ctx)
			}
		})
	}
	before := stops()
	for range n {
		begin := time.Now()
		runtime.GC()
		worst = max(worst, time.Since(begin))
	}
	return worst, longest(before, stops())
}

// stops is how often stopping the world for a collection took how long.
func stops() *metrics.Float64Histogram {
	s := []metrics.Sample{{Name: "/sched/pauses/stopping/gc:seconds"}}
	metrics.Read(s)
	return s[0].Value.Float64Histogram()
}

// longest is the upper edge of the last bucket that filled up.
func longest(before, after *metrics.Float64Histogram) (d time.Duration) {
	for i, n := range after.Counts {
		if n > before.Counts[i] {
			d = time.Duration(after.Buckets[i+1] * float64(time.Second))
		}
	}
	return d
}

func callIn(ctx context.Context, m *host.Module, block []byte) error {
	i, err := m.Acquire(ctx)
	if err != nil {
		return err
	}
	defer i.Release()
	_, err = i.Call(ctx, host.CodecDecode, block, nil)
	return err
}

// TestFlood: 200 calls that spin end in time, and a short one that comes every
// ten milliseconds does not notice them. On a machine that is busy with other
// things, that calls end late shows little until it happens again and again.
func TestFlood(t *testing.T) {
	for name, queue := range map[string]int{"all wait": 200, "most are turned away": 20} {
		t.Run(name, func(t *testing.T) {
			late := 0
			for range 5 {
				if late = flood(t, 200, queue); late == 0 {
					return
				}
			}
			t.Errorf("in five tries, calls always returned late; last %d of 200", late)
		})
	}
}

// flood reports how many calls returned late.
func flood(t *testing.T, calls, queue int) int {
	const deadline, grace = 300 * time.Millisecond, 3 * 100 * time.Millisecond
	h := newHost(t, newEngine(t, false), host.Config{RunQueue: queue, Limits: host.Limits{MaxInstances: calls}})
	evil := load(t, h, spinner(), host.Binding{Pinned: true})
	honest := load(t, h, echo(), host.Binding{})
	var wg sync.WaitGroup
	var busy, late atomic.Int64
	for range calls {
		wg.Go(func() {
			i, err := evil.Acquire(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			defer i.Release()
			ctx, cancel := context.WithTimeout(t.Context(), deadline)
			defer cancel()
			begin := time.Now()
			_, err = i.Call(ctx, host.CodecDecode, endless, nil)
			switch {
			case errors.Is(err, abi.StatusBusy):
				busy.Add(1)
			case err == context.DeadlineExceeded: // the deadline was over before the call began
				late.Add(1)
			case !errors.Is(err, abi.StatusLimit):
				t.Errorf("got %v, want LIMIT or BUSY", err)
			}
			if d := time.Since(begin); d > deadline+grace {
				late.Add(1)
			}
		})
	}
	took := honestly(t, honest, &wg)
	t.Logf("%d honest calls, the slowest took %v; %d were turned away, %d returned late", len(took), slices.Max(took), busy.Load(), late.Load())
	if late.Load() > 0 {
		return int(late.Load())
	}
	if (busy.Load() > 0) != (queue < calls) {
		t.Errorf("%d calls were turned away, with a queue for %d", busy.Load(), queue)
	}
	if s := evil.Stats(); s.Calls != uint64(calls) || s.Failed != uint64(calls) {
		t.Errorf("%+v", s)
	}
	return 0
}

// honestly calls a module every ten milliseconds until wg is done.
func honestly(t *testing.T, m *host.Module, wg *sync.WaitGroup) (took []time.Duration) {
	t.Helper()
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		begin := time.Now()
		if err := callIn(t.Context(), m, []byte("hello")); err != nil {
			t.Errorf("an honest call: %v", err)
		}
		took = append(took, time.Since(begin))
		select {
		case <-done:
			return took
		case <-tick.C:
		}
	}
}

// TestTurnsGoRound: long calls share the one token by the clock, so that the
// one that came last is not done last.
func TestTurnsGoRound(t *testing.T) {
	h := newHost(t, newEngine(t, false), host.Config{RunTokens: 1, Limits: host.Limits{MaxCallTime: time.Minute}})
	m := load(t, h, spinner(), host.Binding{Pinned: true})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for range 2 {
		wg.Go(func() { _ = callIn(ctx, m, endless) })
	}
	running(t, h, 1)
	begin := time.Now()
	if err := callIn(t.Context(), m, times(1_000_000)); err != nil { // a few turns
		t.Error(err)
	}
	wantSoon(t, begin, time.Second)
}

// TestSlicesOnEngines: the interpreter, slower by far, keeps its time too.
func TestSlicesOnEngines(t *testing.T) {
	engines(t, func(t *testing.T, e engine.Engine) {
		h := newHost(t, e, host.Config{RunTokens: 1})
		m := load(t, h, spinner(), host.Binding{Pinned: true})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				defer cancel()
				begin := time.Now()
				wantLimit(t, callIn(ctx, m, endless), host.LimitDeadline)
				wantSoon(t, begin, 200*time.Millisecond)
			})
		}
		wg.Wait()
	})
}
