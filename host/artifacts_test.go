package host_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/internal/wasmtest"
)

// shelf is a host.Artifacts in memory, whose child is the engine itself.
type shelf struct {
	pre  engine.Precompiler
	fail error // of Put and Compile

	mu       sync.Mutex
	kept     map[host.ArtifactKey][]byte
	compiled int // by the child
}

func newShelf(t *testing.T, e engine.Engine) *shelf {
	pre, ok := e.(engine.Precompiler)
	if !ok {
		t.Fatal("the engine does not part with its code")
	}
	return &shelf{pre: pre, kept: map[host.ArtifactKey][]byte{}}
}

func (s *shelf) Get(_ context.Context, k host.ArtifactKey) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.kept[k]
	return slices.Clone(b), ok
}

func (s *shelf) Put(_ context.Context, k host.ArtifactKey, blob []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail == nil {
		s.kept[k] = bytes.Clone(blob)
	}
	return s.fail
}

func (s *shelf) Compile(ctx context.Context, metered []byte) ([]byte, error) {
	s.mu.Lock()
	s.compiled++
	s.mu.Unlock()
	if s.fail != nil {
		return nil, s.fail
	}
	return s.pre.Precompile(ctx, metered)
}

// loads collects the ends of loads.
type loads struct {
	observer
	events []host.LoadEvent
}

func (l *loads) Loaded(e host.LoadEvent) { l.events = append(l.events, e) }

// loadOnce loads with a host of its own, as after a restart, and calls.
func loadOnce(t *testing.T, e engine.Engine, s *shelf, l host.Limits) (host.LoadEvent, error) {
	t.Helper()
	var seen loads
	cfg := host.Config{Limits: l, Observer: &seen}
	if s != nil {
		cfg.Artifacts = s
	}
	h := newHost(t, e, cfg)
	m, err := h.LoadVerified(t.Context(), verified(wasmtest.Codec()), host.Binding{})
	if err == nil {
		out, err := decode(m, []byte("hello"))
		wantEcho(t, out, err, []byte("hello"))
		if err := m.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	return seen.events[0], err
}

func TestArtifacts(t *testing.T) {
	e := newEngine(t, false)
	s := newShelf(t, e)
	ev, err := loadOnce(t, e, s, host.Limits{})
	if err != nil || ev.Kept || ev.Estimate <= 0 || ev.Compile <= 0 || len(s.kept) != 1 || s.compiled != 0 {
		t.Fatalf("at first: %v, %+v, %d kept, %d by the child", err, ev, len(s.kept), s.compiled)
	}
	if ev, err = loadOnce(t, e, s, host.Limits{}); err != nil || !ev.Kept || ev.Estimate != 0 {
		t.Errorf("again: %v, %+v", err, ev)
	}
	// Kept code is used whatever compiling would cost now.
	if ev, err = loadOnce(t, e, s, host.Limits{MaxCompileTime: 1}); err != nil || !ev.Kept || s.compiled != 0 {
		t.Errorf("with a small budget: %v, %+v", err, ev)
	}
	for k := range s.kept {
		if k.Engine != e.Name() || k.Meter == "" || k.Module != verified(wasmtest.Codec()).ID() {
			t.Errorf("kept under %+v", k)
		}
	}
}

// TestArtifactsFail: a cache never makes a load fail.
func TestArtifactsFail(t *testing.T) {
	e := newEngine(t, false)
	for name, spoil := range map[string]func(*shelf){
		"damaged": func(s *shelf) {
			for _, b := range s.kept {
				for i := range b {
					b[i] ^= 0x55
				}
			}
		},
		"empty":       func(s *shelf) { s.each(func([]byte) []byte { return nil }) },
		"cut":         func(s *shelf) { s.each(func(b []byte) []byte { return b[:len(b)/2] }) },
		"cannot keep": func(s *shelf) { clear(s.kept); s.fail = errors.New("disk full") },
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, e)
			if _, err := loadOnce(t, e, s, host.Limits{}); err != nil {
				t.Fatal(err)
			}
			spoil(s)
			if ev, err := loadOnce(t, e, s, host.Limits{}); err != nil || ev.Kept {
				t.Fatalf("%v, %+v", err, ev)
			}
			if s.fail != nil {
				return
			}
			if ev, err := loadOnce(t, e, s, host.Limits{}); err != nil || !ev.Kept {
				t.Errorf("it was not put again: %v, %+v", err, ev)
			}
		})
	}
}

func (s *shelf) each(f func([]byte) []byte) {
	for k, b := range s.kept {
		s.kept[k] = f(b)
	}
}

// TestCompileBudget: what could cost too much is compiled by the child, or not
// at all.
func TestCompileBudget(t *testing.T) {
	e := newEngine(t, false)
	s := newShelf(t, e)
	for _, l := range []host.Limits{{MaxCompileTime: 1}, {MaxFunctionCompileTime: 1}} {
		clear(s.kept)
		before := s.compiled
		if _, err := loadOnce(t, e, s, l); err != nil || s.compiled != before+1 || len(s.kept) != 1 {
			t.Errorf("%+v: %v, %d by the child", l, err, s.compiled-before)
		}
		_, err := loadOnce(t, e, nil, l)
		wantRefused(t, err, host.RefusedCompile)
	}
	clear(s.kept)
	s.fail = errors.New("killed after 30 s")
	_, err := loadOnce(t, e, s, host.Limits{MaxCompileTime: 1})
	wantRefused(t, err, host.RefusedCompile)
	if !errors.Is(err, s.fail) {
		t.Errorf("%v does not say why", err)
	}
}

func wantRefused(t *testing.T, err error, kind host.Refusal) {
	t.Helper()
	var r *host.RefusedError
	if !errors.As(err, &r) || r.Kind != kind || r.Reason == "" {
		t.Errorf("got %v, want a *RefusedError of kind %s", err, kind)
	}
}
