package link

import (
	"context"
	"sync/atomic"

	"github.com/iprt/iprt/host/engine"
)

// Gate lets one call at a time into an instance, and none after it was closed. The zero value is open.
type Gate struct{ state atomic.Uint32 }

const (
	running uint32 = 1 << iota // a call is under way
	closed                     // no call may start
)

// Enter claims the instance for a call. Its errors are [engine.ErrClosed] and [engine.ErrBusy].
func (g *Gate) Enter() error {
	if g.state.CompareAndSwap(0, running) {
		return nil
	}
	if g.state.Load()&closed != 0 {
		return engine.ErrClosed
	}
	return engine.ErrBusy
}

// Leave ends a call. It is true if the instance was closed meanwhile, and is then the caller's to free.
func (g *Gate) Leave() (free bool) { return !g.state.CompareAndSwap(running, 0) }

// Close closes the instance. It is true, at most once, if no call is running and the instance is the caller's to free.
func (g *Gate) Close() (free bool) {
	for {
		old := g.state.Load()
		if old&closed != 0 {
			return false
		}
		if g.state.CompareAndSwap(old, old|closed) {
			return old&running == 0 // else Leave is true
		}
	}
}

// Stopped says why a running call should not go on.
func (g *Gate) Stopped(ctx context.Context) error {
	if g.state.Load()&closed != 0 {
		return engine.ErrClosed
	}
	return ctx.Err()
}
