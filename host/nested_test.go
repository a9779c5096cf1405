package host_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/internal/wasmtest"
)

// The tests here give a host function a use that none has in this release: it
// waits, or calls a guest on behalf of the one that called it. What it stands
// in for is iprt:config get.

const stand, standCall = abi.InterfaceConfig, abi.CallConfigGet

var grantStand = host.Binding{Name: "job", Grants: host.Grants{stand: {}}}

// job's decode loops as often as its input says, calls the host function,
// loops as often again, and returns its input.
func job() []byte {
	return wasmtest.Codec(wasmtest.Requires(stand),
		wasmtest.Import(stand, standCall, []byte{i32, i32, i32, i32}, []byte{i32}),
		wasmtest.Body(abi.ExportCodecDecode, code{}.
			LocalGet(0).Mem(wasmtest.OpI32Load, 2, 0).LocalSet(2).Op(spin(2)...).
			I32Const(0).I32Const(0).I32Const(0).I32Const(0).Call(0).Op(wasmtest.OpDrop).
			LocalGet(0).Mem(wasmtest.OpI32Load, 2, 0).LocalSet(2).Op(spin(2)...).
			Result(code{}.LocalGet(0), code{}.LocalGet(1))))
}

// long is several slices.
var long = times(200_000)

// TestTokenIsInherited: a call that holds the only token needs another module
// for several slices, and gets it: through a free instance, one that is about
// to be free, and one that it has to start.
func TestTokenIsInherited(t *testing.T) {
	for name, waits := range map[string]bool{"works": false, "waits": true} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, newEngine(t, false), host.Config{RunTokens: 1, Limits: host.Limits{MaxCallTime: 20 * time.Second}})
			helper := load(t, h, spinner(), host.Binding{})
			h.Offer(stand, standCall, waits, func(ctx context.Context, _ engine.Memory, stack []uint64) error {
				stack[0] = 0
				i, err := helper.Acquire(ctx)
				if err != nil {
					return err
				}
				defer i.Release()
				in, _ := h.Turns()
				if waits == (in == 1) {
					t.Errorf("%d tokens in use during the host call", in)
				}
				_, err = i.Call(ctx, host.CodecDecode, long, nil)
				if in, _ := h.Turns(); waits == (in == 1) {
					t.Errorf("%d tokens in use after the nested call", in)
				}
				return err
			})
			m := load(t, h, job(), grantStand)
			for range 3 {
				if _, err := decode(m, long); err != nil {
					t.Fatal(err)
				}
			}
			if in, waiting := h.Turns(); in != 0 || waiting != 0 {
				t.Errorf("%d in use, %d wait", in, waiting)
			}
		})
	}
}

// TestNoDeadlock: the holder of the only token waits for an instance of a
// module all of whose instances wait for that token.
func TestNoDeadlock(t *testing.T) {
	h := newHost(t, newEngine(t, false), host.Config{RunTokens: 1, Limits: host.Limits{MaxInstances: 2, MaxCallTime: 20 * time.Second}})
	helper := load(t, h, spinner(), host.Binding{})
	nested := func(ctx context.Context) error {
		i, err := helper.Acquire(ctx)
		if err != nil {
			return err
		}
		defer i.Release()
		_, err = i.Call(ctx, host.CodecDecode, long, nil)
		return err
	}
	arrived := make(chan struct{})
	h.Offer(stand, standCall, false, func(ctx context.Context, _ engine.Memory, stack []uint64) error {
		stack[0] = 0
		arrived <- struct{}{}
		<-arrived
		return nested(ctx)
	})
	m := load(t, h, job(), grantStand)
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := decode(m, long); err != nil {
			t.Error(err)
		}
	})
	<-arrived // it holds the token
	for range 2 {
		wg.Go(func() {
			if err := nested(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	for begin := time.Now(); ; time.Sleep(time.Millisecond) {
		if _, waiting := h.Turns(); waiting == 2 {
			break
		}
		if time.Since(begin) > 10*time.Second {
			t.Fatal("the others do not wait")
		}
	}
	arrived <- struct{}{}
	wg.Wait()
}

// TestWaiting: while a host function waits, others run, and it is woken when
// the time of the call is over.
func TestWaiting(t *testing.T) {
	const most = 300 * time.Millisecond
	h := newHost(t, newEngine(t, false), host.Config{RunTokens: 1})
	waiting := make(chan struct{})
	h.Offer(stand, standCall, true, func(ctx context.Context, _ engine.Memory, stack []uint64) error {
		close(waiting)
		<-ctx.Done()
		return ctx.Err()
	})
	b := grantStand
	b.Limits.MaxCallTime = most
	m := load(t, h, job(), b)
	other := load(t, h, spinner(), host.Binding{})
	got := make(chan error)
	begin := time.Now()
	go func() {
		_, err := decode(m, long)
		got <- err
	}()
	<-waiting
	if _, err := decode(other, long); err != nil {
		t.Errorf("another call, meanwhile: %v", err)
	}
	wantLimit(t, <-got, "MaxCallTime")
	wantSoon(t, begin, most+100*time.Millisecond)
	if in, _ := h.Turns(); in != 0 {
		t.Errorf("%d tokens in use", in)
	}
}

// TestNesting: what a guest is called for by another one cannot call a third,
// and has no more time than who it works for.
func TestNesting(t *testing.T) {
	const most = time.Second
	h := newHost(t, newEngine(t, false), host.Config{})
	var next *host.Module
	var errs []error // of the nested calls, innermost first
	block := long
	h.Offer(stand, standCall, false, func(ctx context.Context, _ engine.Memory, stack []uint64) error {
		i, err := next.Acquire(ctx)
		if err == nil {
			defer i.Release()
			_, err = i.Call(ctx, host.CodecDecode, block, nil)
		}
		errs = append(errs, err)
		return err
	})
	b := grantStand
	b.Limits.MaxCallTime = most
	outer := load(t, h, job(), b)
	next = load(t, h, job(), grantStand)
	if _, err := decode(outer, long); err == nil || len(errs) != 2 {
		t.Fatalf("got %v, and inside %v", err, errs)
	}
	wantLimit(t, errs[0], host.LimitNesting)

	next, block, errs = load(t, h, spinner(), host.Binding{Name: "slow"}), endless, nil
	begin := time.Now()
	if _, err := decode(outer, long); err == nil || len(errs) != 1 {
		t.Fatalf("got %v, and inside %v", err, errs)
	}
	wantLimit(t, errs[0], host.LimitDeadline) // it is not to blame
	wantSoon(t, begin, most+100*time.Millisecond)
}

// TestNestedPays: a call that has another module work for it pays for that out
// of its own budget, however often it asks, and the other is not to blame.
func TestNestedPays(t *testing.T) {
	const budget = 2_000_000
	for name, c := range map[string]struct {
		nested  [][]byte // the calls on behalf of one
		after   []byte   // what the caller itself does before and after
		inside  string   // the limit that the last nested call hits
		outside string   // the limit that the caller hits; "" for none
	}{
		"enough":          {[][]byte{long}, times(10), "", ""},
		"one for ever":    {[][]byte{endless}, times(10), host.LimitCaller, ""},
		"many":            {[][]byte{long, long, long, long, long, long, long}, times(10), host.LimitCaller, ""},
		"nothing is left": {[][]byte{endless}, times(50_000), host.LimitCaller, "FuelPerCall"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, newEngine(t, false), host.Config{Breaker: host.Breaker{Faults: 1}})
			helper := load(t, h, spinner(), host.Binding{})
			var last error
			h.Offer(stand, standCall, false, func(ctx context.Context, _ engine.Memory, stack []uint64) error {
				stack[0] = 0
				for _, block := range c.nested {
					if last = callIn(ctx, helper, block); last != nil {
						return nil // a host function that does not care
					}
				}
				return nil
			})
			b := grantStand
			b.Limits.FuelPerCall = budget
			m := load(t, h, job(), b)
			before := m.Stats().Fuel + helper.Stats().Fuel
			_, err := decode(m, c.after)
			if c.inside == "" && last != nil {
				t.Errorf("nested: %v", last)
			}
			if c.inside != "" {
				wantLimit(t, last, c.inside)
			}
			if c.outside == "" && err != nil {
				t.Error(err)
			}
			if c.outside != "" {
				wantLimit(t, err, c.outside)
			}
			if used := m.Stats().Fuel + helper.Stats().Fuel - before; used > budget+1000 || c.inside != "" && used < budget*9/10 {
				t.Errorf("used %d of %d", used, budget)
			}
			if err := callIn(t.Context(), helper, times(1)); err != nil {
				t.Errorf("the module that was used, by somebody else: %v", err)
			}
		})
	}
}
