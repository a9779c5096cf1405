package link

import (
	"context"
	"errors"
	"testing"

	"github.com/iprt/iprt/host/engine"
)

func TestGate(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var g Gate
	if err := g.Enter(); err != nil {
		t.Fatal(err)
	}
	if err := g.Enter(); !errors.Is(err, engine.ErrBusy) {
		t.Errorf("second call: %v", err)
	}
	if err := g.Stopped(ctx); err != nil {
		t.Errorf("stopped: %v", err)
	}
	if g.Leave() {
		t.Error("an open instance is to be freed")
	}
	cancel()
	if err := g.Stopped(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	if !g.Close() || g.Close() {
		t.Error("an idle instance is freed other than once")
	}
	if err := g.Enter(); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestGateClosedDuringCall(t *testing.T) {
	var g Gate
	if err := g.Enter(); err != nil {
		t.Fatal(err)
	}
	if g.Close() {
		t.Error("a running instance is to be freed")
	}
	if err := g.Stopped(t.Context()); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("stopped: %v", err)
	}
	if !g.Leave() || g.Close() {
		t.Error("the instance is freed other than once")
	}
}
