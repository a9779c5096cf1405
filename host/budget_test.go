package host_test

import (
	"context"
	"encoding/binary"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/internal/wasmtest"
)

// spin loops as often as local n says, and leaves it 0.
func spin(n uint32) code {
	return code{}.Block(wasmtest.Void).Loop(wasmtest.Void).
		LocalGet(n).Op(wasmtest.OpI32Eqz).BrIf(1).
		LocalGet(n).I32Const(1).Op(wasmtest.OpI32Sub).LocalSet(n).Br(0).End().End()
}

// spinner's decode loops as often as the first four bytes of its input say,
// and returns the input.
func spinner(opts ...wasmtest.Option) []byte {
	return wasmtest.Codec(append(opts, wasmtest.Body(abi.ExportCodecDecode, code{}.
		LocalGet(0).Mem(wasmtest.OpI32Load, 2, 0).LocalSet(2).Op(spin(2)...).
		Result(code{}.LocalGet(0), code{}.LocalGet(1))))...)
}

func times(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }

// endless takes longer than any test, though not for ever: some 10^11 units.
var endless = times(1<<32 - 1)

func wantLimit(t testing.TB, err error, limit string) {
	t.Helper()
	var l *host.LimitError
	if !errors.As(err, &l) || l.Limit != limit || l.Error() == "" || l.Hint() == "" {
		t.Errorf("got %v, want a *LimitError of %s", err, limit)
	}
}

// wantSoon fails if more than three times most has passed: machines that run
// tests are busy.
func wantSoon(t testing.TB, begin time.Time, most time.Duration) {
	t.Helper()
	if d := time.Since(begin); d > 3*most {
		t.Errorf("took %v, want %v", d, most)
	}
}

// TestFuel: the same call costs the same on every engine, alone or after
// others, and a call gets no more than its budget.
func TestFuel(t *testing.T) {
	var fuel []uint64
	engines(t, func(t *testing.T, e engine.Engine) {
		h := newHost(t, e, host.Config{Limits: host.Limits{FuelPerCall: 1_000_000}})
		m := load(t, h, spinner(), host.Binding{})
		before := m.Stats().Fuel
		for range 3 {
			if _, err := decode(m, times(50_000)); err != nil { // several slices
				t.Fatal(err)
			}
			now := m.Stats().Fuel
			fuel = append(fuel, now-before)
			before = now
		}
		_, err := decode(m, endless)
		wantLimit(t, err, "FuelPerCall")
		if used := m.Stats().Fuel - before; used <= 1_000_000 || used > 1_000_200 {
			t.Errorf("used %d of 1,000,000", used)
		}
	})
	for _, f := range fuel {
		if f != fuel[0] || f < 50_000 || f > 1_000_000 {
			t.Errorf("fuel of equal calls: %d", fuel)
			break
		}
	}
}

// TestFuelIsShared: the allocations for a call are paid from its budget.
func TestFuelIsShared(t *testing.T) {
	h := newHost(t, newEngine(t, false), host.Config{Limits: host.Limits{FuelPerCall: 1_000_000}})
	slow := wasmtest.Codec(wasmtest.Body(abi.ExportAlloc, code{}.I32Const(70_000).LocalSet(1).Op(spin(1)...).I32Const(4096)))
	m := load(t, h, slow, host.Binding{})
	i := acquire(t, m)
	defer i.Release()
	if _, err := i.Call(t.Context(), host.CodecDecode, []byte("one"), nil); err != nil {
		t.Fatal(err)
	}
	_, err := i.Call(t.Context(), host.CodecDecode, []byte("one"), []byte("two"))
	wantLimit(t, err, "FuelPerCall")
}

// TestStartIsBounded: no function of the start-up runs for ever, and a module
// that cannot start is not tried for ever either.
func TestStartIsBounded(t *testing.T) {
	loop := code{}.Loop(wasmtest.Void).Br(0).End()
	for name, opt := range map[string]wasmtest.Option{
		"_initialize": wasmtest.Initialize(loop),
		"iprt_init":   wasmtest.Init(loop.I32Const(0)),
		"iprt_error":  wasmtest.Body(abi.ExportError, loop.I32Const(0)),
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, newEngine(t, false), host.Config{Limits: host.Limits{FuelPerCall: 3_000_000}, Breaker: host.Breaker{Faults: 2}})
			for range 2 {
				_, err := h.LoadVerified(t.Context(), verified(wasmtest.Codec(opt)), host.Binding{Pinned: true})
				wantLimit(t, err, "FuelPerCall")
			}
			_, err := h.LoadVerified(t.Context(), verified(wasmtest.Codec(opt)), host.Binding{Pinned: true})
			var refused *host.RefusedError
			if !errors.As(err, &refused) || refused.Kind != host.RefusedQuarantine {
				t.Errorf("after two failing starts: %v", err)
			}
		})
	}
}

// TestTime: whatever ends the time of a call ends the call.
func TestTime(t *testing.T) {
	const most = 100 * time.Millisecond
	engines(t, func(t *testing.T, e engine.Engine) {
		for name, c := range map[string]struct {
			limits host.Limits
			ctx    func() (context.Context, context.CancelFunc)
			check  func(t *testing.T, err error)
		}{
			"limit": {
				limits: host.Limits{MaxCallTime: most},
				ctx:    func() (context.Context, context.CancelFunc) { return context.WithCancel(t.Context()) },
				check:  func(t *testing.T, err error) { wantLimit(t, err, "MaxCallTime") },
			},
			"deadline": {
				ctx: func() (context.Context, context.CancelFunc) { return context.WithTimeout(t.Context(), most) },
				check: func(t *testing.T, err error) {
					wantLimit(t, err, host.LimitDeadline)
					if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, abi.StatusLimit) {
						t.Errorf("%v is neither a missed deadline nor a limit", err)
					}
				},
			},
			"cancelled": {
				ctx: func() (context.Context, context.CancelFunc) {
					ctx, cancel := context.WithCancel(t.Context())
					time.AfterFunc(most, cancel)
					return ctx, cancel
				},
				check: func(t *testing.T, err error) {
					if !errors.Is(err, context.Canceled) {
						t.Errorf("got %v, want context.Canceled", err)
					}
				},
			},
		} {
			t.Run(name, func(t *testing.T) {
				h := newHost(t, e, host.Config{Limits: c.limits})
				m := load(t, h, spinner(), host.Binding{Pinned: true})
				i := acquire(t, m)
				defer i.Release()
				ctx, cancel := c.ctx()
				defer cancel()
				begin := time.Now()
				_, err := i.Call(ctx, host.CodecDecode, endless, nil)
				wantSoon(t, begin, most+100*time.Millisecond)
				c.check(t, err)
				if in, waiting := h.Turns(); in != 0 || waiting != 0 {
					t.Errorf("%d tokens in use, %d wait", in, waiting)
				}
			})
		}
	})
}

// TestEndings: a call that spins ends when nobody wants it any more.
func TestEndings(t *testing.T) {
	for name, end := range map[string]func(*host.Host, *host.Module, host.Instance) error{
		"release":      func(_ *host.Host, _ *host.Module, i host.Instance) error { i.Release(); return nil },
		"close module": func(_ *host.Host, m *host.Module, _ host.Instance) error { return m.Close(expired) },
		"close host":   func(h *host.Host, _ *host.Module, _ host.Instance) error { return h.Close(expired) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, newEngine(t, false), host.Config{})
			m := load(t, h, spinner(), host.Binding{Pinned: true})
			i := acquire(t, m)
			got := make(chan error)
			go func() {
				_, err := i.Call(context.Background(), host.CodecDecode, endless, nil)
				i.Release()
				got <- err
			}()
			running(t, h, 1)
			if err := end(h, m, i); err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			begin := time.Now()
			if err := <-got; !errors.Is(err, host.ErrClosed) {
				t.Errorf("got %v, want ErrClosed", err)
			}
			wantSoon(t, begin, 100*time.Millisecond)
			if err := m.Close(soon(t)); err != nil || m.Stats().Instances != 0 {
				t.Errorf("%v, left %+v", err, m.Stats())
			}
		})
	}
}

// running waits until so many calls hold a run token.
func running(t *testing.T, h *host.Host, n int) {
	t.Helper()
	for begin := time.Now(); ; time.Sleep(time.Millisecond) {
		if in, _ := h.Turns(); in == n {
			return
		}
		if time.Since(begin) > 10*time.Second {
			t.Fatal("the calls do not get run tokens")
		}
	}
}

// TestFuelPerSecond: a binding cannot burn more in the long run, and the
// error says when it can again.
func TestFuelPerSecond(t *testing.T) {
	h := newHost(t, newEngine(t, false), host.Config{})
	l := host.Limits{FuelPerCall: 500_000, FuelPerSecond: 500_000}
	m := load(t, h, spinner(), host.Binding{Limits: l})
	var err error
	calls := 0
	for begin := time.Now(); err == nil && time.Since(begin) < 10*time.Second; calls++ {
		_, err = decode(m, times(40_000)) // nearly all of FuelPerCall
	}
	wantLimit(t, err, "FuelPerSecond")
	if errors.As(err, new(*host.LimitError)) && calls > 20 {
		t.Errorf("%d calls before that", calls)
	}
	other := load(t, h, spinner(), host.Binding{Name: "other", Limits: l})
	if _, err := decode(other, times(40_000)); err != nil {
		t.Errorf("another binding pays for it: %v", err)
	}
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if _, err := decode(m, times(1)); err == nil {
			break
		}
		if time.Since(begin) > 10*time.Second {
			t.Fatal("the fuel does not come back")
		}
	}
}

func TestMaxHostCalls(t *testing.T) {
	engines(t, func(t *testing.T, e engine.Engine) {
		h := newHost(t, e, host.Config{Limits: host.Limits{MaxHostCalls: 1000}})
		m := load(t, h, wasmtest.Codec(wasmtest.Import("wasi_snapshot_preview1", "sched_yield", nil, []byte{i32}),
			wasmtest.Body(abi.ExportCodecDecode, code{}.Loop(wasmtest.Void).Call(0).Op(wasmtest.OpDrop).Br(0).End().I64Const(0))), host.Binding{})
		_, err := decode(m, nil)
		wantLimit(t, err, "MaxHostCalls")
	})
}

// TestHostCallsKeepTime: a guest that has the host work for it, in calls that
// cost little fuel, is held to its time all the same.
func TestHostCallsKeepTime(t *testing.T) {
	const most = 100 * time.Millisecond
	h := newHost(t, newEngine(t, false), host.Config{Limits: host.Limits{MaxCallTime: most}})
	m := load(t, h, wasmtest.Codec(wasmtest.Memory(512, 512), wasmtest.Import("wasi_snapshot_preview1", "random_get", []byte{i32, i32}, []byte{i32}),
		wasmtest.Body(abi.ExportCodecDecode, code{}.Loop(wasmtest.Void).I32Const(0).I32Const(32<<20).Call(0).Op(wasmtest.OpDrop).Br(0).End().I64Const(0))), host.Binding{})
	begin := time.Now()
	_, err := decode(m, nil)
	wantLimit(t, err, "MaxCallTime")
	wantSoon(t, begin, most+50*time.Millisecond)
}

// TestMemoryLimits: one compilation serves bindings with different limits.
func TestMemoryLimits(t *testing.T) {
	engines(t, func(t *testing.T, e engine.Engine) {
		counting := &countingEngine{Engine: e}
		h := newHost(t, counting, host.Config{})
		// decode grows by 10 pages and returns what that gave.
		grow := wasmtest.Codec(wasmtest.Memory(1, 1000), wasmtest.Body(abi.ExportCodecDecode, code{}.
			I32Const(10).MemoryGrow().Op(wasmtest.OpI64ExtendI32U).I64Const(4).Op(0x83).I64Const(16<<32).Op(wasmtest.OpI64Or)))
		for _, c := range []struct {
			pages int64
			want  int // 4 for a memory.grow that gave −1, because all bits of that are set
		}{{10, 4}, {11, 0}, {1000, 0}, {5, 4}} {
			m := load(t, h, grow, host.Binding{Limits: host.Limits{MaxMemoryBytes: c.pages << 16}})
			if out, err := decode(m, nil); err != nil || len(out) != c.want {
				t.Errorf("with %d pages: %d, %v", c.pages, len(out), err)
			}
		}
		if n := counting.compiled.Load(); n != 1 {
			t.Errorf("compiled %d times", n)
		}
	})
}

// TestLogRate: many short calls together log no more than the binding may.
func TestLogRate(t *testing.T) {
	var entries atomic.Int64
	p := newPauser()
	h := newHost(t, newEngine(t, false), host.Config{Log: p.logger(func() { entries.Add(1) })})
	b := grantLog
	b.Limits.LogLinesPerSecond = 5
	m := load(t, h, logger(), b)
	for range 500 { // each within the budget of its lease
		if _, err := decode(m, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if n := entries.Load(); n < 25 || n > 100 { // every other one is empty
		t.Errorf("%d entries of 500, want about half of the 50 that ten seconds allow", n)
	}
}

// TestBudgetsOfTheZeroHost: a host that was told nothing bounds everything.
func TestBudgetsOfTheZeroHost(t *testing.T) {
	h := newHost(t, newEngine(t, false), host.Config{})
	s := h.Stats()
	if s.RunTokens < 1 || s.RunTokens > max(1, runtime.GOMAXPROCS(0)-1) {
		t.Errorf("%+v", s)
	}
	load(t, h, wasmtest.Codec(), host.Binding{})
	if s = h.Stats(); s.Modules != 1 || s.Instances != 1 || s.MemoryBytes != 1<<16 || s.RunTokensInUse != 0 || s.RunQueue != 0 {
		t.Errorf("%+v", s)
	}
}

func TestConfigIsChecked(t *testing.T) {
	e := newEngine(t, true)
	for _, cfg := range []host.Config{
		{RunTokens: -1}, {RunQueue: -1}, {RunTokens: 1 << 20}, {Limits: host.Limits{FuelPerCall: -1}}, {Limits: host.Limits{MaxCallTime: -1}},
		{Limits: host.Limits{MaxCallTime: 48 * time.Hour}}, {Limits: host.Limits{LogLinesPerSecond: -1}}, {Limits: host.Limits{MaxInstances: 1 << 17}},
	} {
		if _, err := host.New(e, cfg); err == nil {
			t.Errorf("accepted: %+v", cfg)
		}
	}
	h := newHost(t, e, host.Config{})
	for _, l := range []host.Limits{{FuelPerCall: -1}, {MaxMemoryBytes: 1}} {
		if _, err := h.LoadVerified(t.Context(), verified(wasmtest.Codec()), host.Binding{Limits: l}); err == nil {
			t.Errorf("a binding is accepted: %+v", l)
		}
	}
}
