package host_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/internal/wasmtest"
)

// pauser is a module whose decode writes its input to the log, and a log that
// stops it there: the tests hold a call in the middle without sleeping.
type pauser struct {
	entered chan struct{} // gets a value when a call is inside
	resume  chan struct{} // lets one call go on
}

func newPauser() *pauser {
	return &pauser{entered: make(chan struct{}), resume: make(chan struct{})}
}

func (p *pauser) pause() {
	p.entered <- struct{}{}
	<-p.resume
}

var grantLog = host.Binding{Grants: host.Grants{"iprt:log/v1": {}}}

// logger's decode writes a log entry, then an empty one, and returns a result.
func logger() []byte {
	return wasmtest.Codec(wasmtest.Requires("iprt:log/v1"),
		wasmtest.Import("iprt:log/v1", "write", []byte{i32, i32, i32}, []byte{i32}),
		wasmtest.Body(abi.ExportCodecDecode, code{}.I32Const(1).LocalGet(0).LocalGet(1).Call(0).Op(wasmtest.OpDrop).
			I32Const(0).I32Const(0).I32Const(0).Call(0).Op(wasmtest.OpDrop).I64Const(16<<32|4)))
}

func pausedHost(t *testing.T, l host.Limits) (*host.Host, *host.Module, *pauser) {
	t.Helper()
	p := newPauser()
	h := newHost(t, newEngine(t, false), host.Config{Log: p.logger(p.pause), Limits: l})
	return h, load(t, h, logger(), grantLog), p
}

// soon is a context for waits that must not last; it fails the test's call
// rather than its process.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

var expired = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

func TestCloseDuringCall(t *testing.T) {
	for name, closer := range map[string]func(*host.Host, *host.Module, context.Context) error{
		"module": func(_ *host.Host, m *host.Module, ctx context.Context) error { return m.Close(ctx) },
		"host":   func(h *host.Host, _ *host.Module, ctx context.Context) error { return h.Close(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			h, m, p := pausedHost(t, host.Limits{})
			got := make(chan error, 1)
			go func() {
				_, err := decode(m, []byte("x"))
				got <- err
			}()
			<-p.entered
			if err := closer(h, m, expired); !errors.Is(err, context.Canceled) {
				t.Errorf("closing during a call gave %v, want that it did not wait", err)
			}
			if _, err := m.Acquire(soon(t)); !errors.Is(err, host.ErrClosed) {
				t.Errorf("Acquire gave %v", err)
			}
			closed := make(chan error, 1)
			go func() { closed <- closer(h, m, soon(t)) }()
			p.resume <- struct{}{}
			if err := <-got; err != nil {
				t.Errorf("the call that was running gave %v", err)
			}
			if err := <-closed; err != nil {
				t.Errorf("closing while it ended gave %v", err)
			}
			if s := m.Stats(); s.Instances != 0 || s.InUse != 0 {
				t.Errorf("left: %+v", s)
			}
		})
	}
}

func TestCloseTwice(t *testing.T) {
	h := newHost(t, newEngine(t, true), host.Config{})
	m := load(t, h, wasmtest.Codec(), host.Binding{})
	for range 3 {
		if err := m.Close(soon(t)); err != nil {
			t.Error(err)
		}
	}
	load(t, h, wasmtest.Codec(), host.Binding{})
	for range 3 {
		if err := h.Close(soon(t)); err != nil {
			t.Error(err)
		}
	}
	if _, err := h.LoadVerified(t.Context(), verified(wasmtest.Codec()), host.Binding{}); !errors.Is(err, host.ErrClosed) {
		t.Errorf("loading after Close gave %v", err)
	}
}

// TestInstanceAfterClose: an instance that is held over Close refuses further
// calls, its last result stays readable, and it goes when it is released.
func TestInstanceAfterClose(t *testing.T) {
	e := &countingEngine{Engine: newEngine(t, false)}
	h := newHost(t, e, host.Config{})
	m := load(t, h, wasmtest.Codec(), host.Binding{})
	i := acquire(t, m)
	out, err := i.Call(t.Context(), host.CodecDecode, []byte("x"), nil)
	wantEcho(t, out, err, []byte("x"))
	if err := m.Close(expired); !errors.Is(err, context.Canceled) {
		t.Errorf("Close gave %v", err)
	}
	wantEcho(t, out, nil, []byte("x"))
	if _, err := i.Call(t.Context(), host.CodecDecode, nil, nil); !errors.Is(err, host.ErrClosed) {
		t.Errorf("a call after Close gave %v", err)
	}
	if n := e.open.Load(); n != 1 {
		t.Errorf("%d codes open while an instance is held, want 1", n)
	}
	i.Release()
	if n := e.open.Load(); n != 0 {
		t.Errorf("%d codes open, want 0", n)
	}
}

func TestStaleHandle(t *testing.T) {
	h := newHost(t, newEngine(t, true), host.Config{Limits: host.Limits{MaxInstances: 1}})
	m := load(t, h, wasmtest.Codec(), host.Binding{})
	old := acquire(t, m)
	old.Release()
	now := acquire(t, m) // the same instance behind it
	old.Release()
	old.Discard(errors.New("not mine"))
	if _, err := old.Call(t.Context(), host.CodecDecode, nil, nil); !errors.Is(err, host.ErrClosed) {
		t.Errorf("a call through a released handle gave %v", err)
	}
	out, err := now.Call(t.Context(), host.CodecDecode, []byte("mine"), nil)
	wantEcho(t, out, err, []byte("mine"))
	if s := m.Stats(); s.InUse != 1 || s.Started != 1 || s.Discarded != 0 {
		t.Errorf("%+v", s)
	}
	now.Release()
	now.Release()
	if s := m.Stats(); s.InUse != 0 || s.Instances != 1 {
		t.Errorf("%+v", s)
	}
	var none host.Instance
	none.Release()
	none.Discard(nil)
	if _, err := none.Call(t.Context(), host.CodecDecode, nil, nil); !errors.Is(err, host.ErrClosed) || none.Module() != nil {
		t.Errorf("the zero instance gave %v", err)
	}
}

// TestOneInstanceTwoGoroutines: the second call is refused, not run.
func TestOneInstanceTwoGoroutines(t *testing.T) {
	_, m, p := pausedHost(t, host.Limits{})
	i := acquire(t, m)
	got := make(chan error, 1)
	go func() {
		_, err := i.Call(t.Context(), host.CodecDecode, []byte("x"), nil)
		got <- err
	}()
	<-p.entered
	if _, err := i.Call(t.Context(), host.CodecDecode, nil, nil); !errors.Is(err, host.ErrBusy) {
		t.Errorf("the second call gave %v, want ErrBusy", err)
	}
	i.Release() // during the call: takes effect at its end
	if s := m.Stats(); s.InUse != 1 {
		t.Errorf("released under a running call: %+v", s)
	}
	p.resume <- struct{}{}
	if err := <-got; !errors.Is(err, host.ErrClosed) {
		t.Errorf("the call whose instance was released gave %v, want ErrClosed", err)
	}
	if s := m.Stats(); s.InUse != 0 || s.Instances != 1 {
		t.Errorf("%+v", s)
	}
}

func TestDiscard(t *testing.T) {
	m := load(t, newHost(t, newEngine(t, true), host.Config{}), wasmtest.Codec(), host.Binding{})
	i := acquire(t, m)
	i.Discard(errors.New("nonsense came out"))
	if s := m.Stats(); s.Discarded != 1 || s.Instances != 0 || s.LastError != "nonsense came out" || s.LastErrorTime.IsZero() {
		t.Errorf("%+v", s)
	}
	out, err := decode(m, []byte("x"))
	wantEcho(t, out, err, []byte("x"))
}

func TestAcquireWaits(t *testing.T) {
	const most = 3
	m := load(t, newHost(t, newEngine(t, true), host.Config{Limits: host.Limits{MaxInstances: most}}), wasmtest.Codec(), host.Binding{})
	var held []host.Instance
	for range most {
		held = append(held, acquire(t, m))
	}
	if _, err := m.Acquire(expired); !errors.Is(err, context.Canceled) {
		t.Errorf("an expired context gave %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	waiting := make(chan error, 1)
	go func() {
		_, err := m.Acquire(ctx)
		waiting <- err
	}()
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Errorf("a wait that was cancelled gave %v", err)
	}
	got := make(chan host.Instance, 1)
	go func() { got <- acquire(t, m) }()
	held[1].Release()
	i := <-got
	if s := m.Stats(); s.Instances != most || s.InUse != most {
		t.Errorf("%+v", s)
	}
	closed := make(chan error, 1)
	go func() {
		_, err := m.Acquire(context.Background())
		closed <- err
	}()
	go m.Close(context.Background())
	if err := <-closed; !errors.Is(err, host.ErrClosed) {
		t.Errorf("waiting over Close gave %v", err)
	}
	for _, i := range append(held, i) {
		i.Release()
	}
}

// TestLIFO: the instance used last is the next one, its memory being warm.
func TestLIFO(t *testing.T) {
	m := load(t, newHost(t, newEngine(t, true), host.Config{}), wasmtest.Codec(), host.Binding{})
	a, b := acquire(t, m), acquire(t, m)
	if _, err := b.Call(t.Context(), host.CodecDecode, make([]byte, 3<<16), nil); err != nil { // grows b
		t.Fatal(err)
	}
	a.Release()
	b.Release()
	c := acquire(t, m)
	defer c.Release()
	before := m.Stats().MemoryBytes
	if _, err := c.Call(t.Context(), host.CodecDecode, make([]byte, 3<<16), nil); err != nil {
		t.Fatal(err)
	}
	if after := m.Stats().MemoryBytes; after != before {
		t.Errorf("memory went from %d to %d: not the instance that had grown", before, after)
	}
}

func TestCancelled(t *testing.T) {
	m := load(t, newHost(t, newEngine(t, false), host.Config{}), wasmtest.Codec(), host.Binding{})
	i := acquire(t, m)
	defer i.Release()
	if _, err := i.Call(expired, host.CodecDecode, []byte("x"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	out, err := i.Call(t.Context(), host.CodecDecode, []byte("x"), nil)
	wantEcho(t, out, err, []byte("x")) // the instance is as good as before
}

// TestCancelledDuringCall: a call ends at its next host call, with the error
// of the context; its instance goes, being stopped anywhere.
func TestCancelledDuringCall(t *testing.T) {
	engines(t, func(t *testing.T, e engine.Engine) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var p pauser
		h := newHost(t, e, host.Config{Log: p.logger(cancel)})
		m := load(t, h, logger(), grantLog)
		i := acquire(t, m)
		_, err := i.Call(ctx, host.CodecDecode, []byte("x"), nil)
		if !errors.Is(err, context.Canceled) || errors.As(err, new(*host.TrapError)) {
			t.Errorf("got %v, want the error of the context", err)
		}
		i.Release()
		if s := m.Stats(); s.Discarded != 1 {
			t.Errorf("%+v", s)
		}
		if _, err := decode(m, []byte("x")); err != nil {
			t.Errorf("the next call gave %v", err)
		}
	})
}

// TestLoadCancelledByClose: Close ends a load that waits, with ErrClosed.
func TestLoadCancelledByClose(t *testing.T) {
	entered := make(chan struct{})
	policy := host.PolicyFunc(func(ctx context.Context, _ host.Candidate) error {
		close(entered)
		<-ctx.Done()
		return ctx.Err()
	})
	h := newHost(t, newEngine(t, true), host.Config{Policy: policy})
	got := make(chan error, 1)
	go func() {
		_, err := h.LoadVerified(context.Background(), verified(wasmtest.Codec()), host.Binding{})
		got <- err
	}()
	<-entered
	if err := h.Close(soon(t)); err != nil {
		t.Error(err)
	}
	if err := <-got; !errors.Is(err, host.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}

// TestConcurrent is for the race detector: calls, statuses, traps, discards,
// loads and unloads side by side.
func TestConcurrent(t *testing.T) {
	const workers, rounds = 32, 60
	var obs observer
	h := newHost(t, newEngine(t, false), host.Config{Limits: host.Limits{MaxInstances: 5}, Observer: &obs, Breaker: host.Breaker{Faults: -1}})
	// The first byte of a block chooses: 0 echo, 1 a status, anything else a trap.
	wasm := wasmtest.Codec(wasmtest.Body(abi.ExportCodecDecode, code{}.
		LocalGet(0).Mem(wasmtest.OpI32Load8U, 0, 0).I32Const(1).Op(wasmtest.OpI32Eq).If(wasmtest.Void).I64Const(4).Op(wasmtest.OpReturn).End().
		LocalGet(0).Mem(wasmtest.OpI32Load8U, 0, 0).If(wasmtest.Void).Op(wasmtest.OpUnreachable).End().
		Result(code{}.LocalGet(0), code{}.LocalGet(1))))
	shared := load(t, h, wasm, host.Binding{Name: "shared"})
	var traps, calls atomic.Int64
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for r := range rounds {
				block := bytes.Repeat([]byte{byte(w)}, 1+r*w)
				block[0] = byte((r + w) % 3)
				m := shared
				if r%20 == 0 {
					m = load(t, h, wasm, host.Binding{Name: fmt.Sprint(w)})
				}
				out, err := decode(m, block)
				calls.Add(1)
				switch block[0] {
				case 0:
					if err != nil || !bytes.Equal(out, block) {
						t.Errorf("echo gave %d bytes, %v", len(out), err)
					}
				case 1:
					if !errors.Is(err, abi.StatusNotFound) {
						t.Errorf("got %v", err)
					}
				default:
					traps.Add(1)
					if !errors.As(err, new(*host.TrapError)) {
						t.Errorf("got %v", err)
					}
				}
				_, _ = m.Stats(), h.Modules()
				if m != shared {
					if err := m.Close(context.Background()); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	s := shared.Stats()
	if s.InUse != 0 || s.Instances > 5 || len(h.Modules()) != 1 {
		t.Errorf("%+v, %d modules", s, len(h.Modules()))
	}
	if err := h.Close(soon(t)); err != nil {
		t.Fatal(err)
	}
	if obs.calls.Load() != calls.Load() || obs.discarded.Load() != traps.Load() || obs.started.Load() != obs.ended.Load() {
		t.Errorf("observer saw %d calls of %d, %d discards of %d, %d starts, %d ends", obs.calls.Load(), calls.Load(),
			obs.discarded.Load(), traps.Load(), obs.started.Load(), obs.ended.Load())
	}
}

// observer counts.
type observer struct{ loads, failed, cached, calls, started, ended, discarded atomic.Int64 }

func (o *observer) Loaded(e host.LoadEvent) {
	o.loads.Add(1)
	if e.Err != nil {
		o.failed.Add(1)
	}
	if e.Cached {
		o.cached.Add(1)
	}
}
func (o *observer) Called(host.CallEvent)           { o.calls.Add(1) }
func (o *observer) InstanceStarted(cid.Cid, string) { o.started.Add(1) }
func (o *observer) InstanceEnded(_ cid.Cid, _ string, discarded bool) {
	o.ended.Add(1)
	if discarded {
		o.discarded.Add(1)
	}
}

func TestObserver(t *testing.T) {
	engines(t, func(t *testing.T, e engine.Engine) {
		var o observer
		h := newHost(t, e, host.Config{Observer: &o, Policy: host.AllowPure(), Fetch: files{}})
		m := load(t, h, wasmtest.Codec(), host.Binding{})
		load(t, h, wasmtest.Codec(), host.Binding{})
		_, _ = h.LoadVerified(t.Context(), verified(nil), host.Binding{})
		_, _ = h.Load(t.Context(), verified(nil).ID(), host.Binding{})
		_, _ = decode(m, nil)
		if o.loads.Load() != 4 || o.failed.Load() != 2 || o.cached.Load() != 1 || o.calls.Load() != 1 || o.started.Load() != 2 {
			t.Errorf("loads %d, failed %d, cached %d, calls %d, started %d",
				o.loads.Load(), o.failed.Load(), o.cached.Load(), o.calls.Load(), o.started.Load())
		}
	})
}

// A host with nothing running closes without complaint, even when there is no
// time to wait.
func TestCloseIdleWithoutTime(t *testing.T) {
	expired, cancel := context.WithCancel(context.Background())
	cancel()
	e := newEngine(t, true)
	for range 100 { // the choice between two ready cases is random
		h, err := host.New(e, host.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Close(expired); err != nil {
			t.Fatal(err)
		}
	}
}
